#include "server/music_service.h"

#include <utility>

#include "server/convert.h"
#include "server/generate_reactors.h"
#include "vidmuse/v1/music.pb.h"

namespace vidmuse {

MusicService::MusicService(const CallEnvironment& environment, std::string version)
    : environment_(environment), version_(std::move(version)) {
  AddBidiMethod<v1::GenerateMusicRequest, v1::GenerateMusicResponse>(
      "/vidmuse.v1.MusicService/GenerateMusic", [this](grpc::CallbackServerContext* context) {
        return StartGenerateMusic(environment_, context);
      });
  AddBidiMethod<v1::GenerateMusicFromVideoRequest, v1::GenerateMusicResponse>(
      "/vidmuse.v1.MusicService/GenerateMusicFromVideo",
      [this](grpc::CallbackServerContext* context) {
        return StartGenerateMusicFromVideo(environment_, context);
      });
  AddBidiMethod<v1::GetModelInfoRequest, v1::GetModelInfoResponse>(
      "/vidmuse.v1.MusicService/GetModelInfo", [this](grpc::CallbackServerContext*) {
        v1::GetModelInfoResponse response;
        ToProto(environment_.generator->model_info(), environment_.generator->limits(),
                environment_.options->max_message_bytes, version_, &response);
        return AnswerGetModelInfo(std::move(response));
      });
}

}  // namespace vidmuse
