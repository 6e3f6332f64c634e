// The two RPCs that make music: each call is a gRPC reactor that is also a GenerateCall.
#ifndef VIDMUSE_SERVER_GENERATE_REACTORS_H_
#define VIDMUSE_SERVER_GENERATE_REACTORS_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "server/generate_call.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {

// Both functions return a reactor for gRPC. The reactor deletes itself.

// Starts a call whose client streams the video after the config.
grpc::ServerBidiReactor<v1::GenerateMusicRequest, v1::GenerateMusicResponse>* StartGenerateMusic(
    const CallEnvironment& environment, grpc::CallbackServerContext* context);

// Starts a call whose whole request has arrived. `request` must outlive the call.
grpc::ServerWriteReactor<v1::GenerateMusicResponse>* StartGenerateMusicFromVideo(
    const CallEnvironment& environment, grpc::CallbackServerContext* context,
    const v1::GenerateMusicFromVideoRequest* request);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_GENERATE_REACTORS_H_
