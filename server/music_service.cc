#include "server/music_service.h"

#include "server/convert.h"

namespace vidmuse {

grpc::ServerBidiReactor<v1::GenerateMusicRequest, v1::GenerateMusicResponse>*
MusicService::GenerateMusic(grpc::CallbackServerContext* context) {
  return GenerateCall::Start(environment_, context);
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
