// The RPC handlers.
#ifndef VIDMUSE_SERVER_MUSIC_SERVICE_H_
#define VIDMUSE_SERVER_MUSIC_SERVICE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <string>

#include "server/generate_call.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {

// vidmuse.v1.MusicService. For a method whose client sends a single message, gRPC would read that
// message, of up to max_message_bytes, before the method is called, and so for any number of calls
// at once. Here each method is a stream in both directions to gRPC's server, which reads nothing by
// itself. Clients see no difference.
class MusicService final : public grpc::Service {
 public:
  MusicService(const CallEnvironment& environment, std::string version);

 private:
  // Adds the next method of the service. `start` returns its reactor. `name` is not copied.
  template <typename Request, typename Response>
  void AddBidiMethod(
      const char* name,
      std::function<grpc::ServerBidiReactor<Request, Response>*(grpc::CallbackServerContext*)>
          start);

  int methods_ = 0;
  const CallEnvironment environment_;
  const std::string version_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_MUSIC_SERVICE_H_
