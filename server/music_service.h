// The RPC handlers.
#ifndef VIDMUSE_SERVER_MUSIC_SERVICE_H_
#define VIDMUSE_SERVER_MUSIC_SERVICE_H_

#include <string>

#include "server/generate_call.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {

class MusicService final : public v1::MusicService::CallbackService {
 public:
  MusicService(const CallEnvironment& environment, std::string version)
      : environment_(environment), version_(std::move(version)) {}

  grpc::ServerBidiReactor<v1::GenerateMusicRequest, v1::GenerateMusicResponse>* GenerateMusic(
      grpc::CallbackServerContext* context) override;

  grpc::ServerWriteReactor<v1::GenerateMusicResponse>* GenerateMusicFromVideo(
      grpc::CallbackServerContext* context,
      const v1::GenerateMusicFromVideoRequest* request) override;

  grpc::ServerUnaryReactor* GetModelInfo(grpc::CallbackServerContext* context,
                                         const v1::GetModelInfoRequest* request,
                                         v1::GetModelInfoResponse* response) override;

 private:
  const CallEnvironment environment_;
  const std::string version_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_MUSIC_SERVICE_H_
