// The calls as gRPC reactors. Those that make music are also GenerateCalls.
#ifndef VIDMUSE_SERVER_GENERATE_REACTORS_H_
#define VIDMUSE_SERVER_GENERATE_REACTORS_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "server/generate_call.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {

// These functions return a reactor for gRPC. The reactor deletes itself.

// Starts a call whose client streams the video after the config.
grpc::ServerBidiReactor<v1::GenerateMusicRequest, v1::GenerateMusicResponse>* StartGenerateMusic(
    const CallEnvironment& environment, grpc::CallbackServerContext* context);

// Starts a call whose client sends one message, which is read after the call was admitted.
grpc::ServerBidiReactor<v1::GenerateMusicFromVideoRequest, v1::GenerateMusicResponse>*
StartGenerateMusicFromVideo(const CallEnvironment& environment,
                            grpc::CallbackServerContext* context);

// Answers with `response`, without reading the request.
grpc::ServerBidiReactor<v1::GetModelInfoRequest, v1::GetModelInfoResponse>* AnswerGetModelInfo(
    v1::GetModelInfoResponse response);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_GENERATE_REACTORS_H_
