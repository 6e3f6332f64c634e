#include "server/music_service.h"

#include "server/convert.h"
#include "server/generate_reactors.h"

namespace vidmuse {

grpc::ServerBidiReactor<v1::GenerateMusicRequest, v1::GenerateMusicResponse>*
MusicService::GenerateMusic(grpc::CallbackServerContext* context) {
  return StartGenerateMusic(environment_, context);
}

grpc::ServerWriteReactor<v1::GenerateMusicResponse>* MusicService::GenerateMusicFromVideo(
    grpc::CallbackServerContext* context, const v1::GenerateMusicFromVideoRequest* request) {
  return StartGenerateMusicFromVideo(environment_, context, request);
}

grpc::ServerUnaryReactor* MusicService::GetModelInfo(grpc::CallbackServerContext* context,
                                                     const v1::GetModelInfoRequest*,
                                                     v1::GetModelInfoResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  ToProto(environment_.generator->model_info(), environment_.generator->limits(),
          environment_.options->max_message_bytes, version_, response);
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace vidmuse
