// The two RPCs that make music, as reactors of gRPC's around one GenerateCall.
#ifndef VIDMUSE_SERVER_GENERATE_REACTORS_H_
#define VIDMUSE_SERVER_GENERATE_REACTORS_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "server/generate_call.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {

// Both return a reactor to give to gRPC, which deletes itself.

// The video comes in messages of its own.
grpc::ServerBidiReactor<v1::GenerateMusicRequest, v1::GenerateMusicResponse>* StartGenerateMusic(
    const CallEnvironment& environment, grpc::CallbackServerContext* context);

// The whole request is there. It outlives the call.
grpc::ServerWriteReactor<v1::GenerateMusicResponse>* StartGenerateMusicFromVideo(
    const CallEnvironment& environment, grpc::CallbackServerContext* context,
    const v1::GenerateMusicFromVideoRequest* request);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_GENERATE_REACTORS_H_
