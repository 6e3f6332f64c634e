// A gRPC service whose methods decide themselves when a message is read.
#ifndef VIDMUSE_SERVER_BIDI_SERVICE_H_
#define VIDMUSE_SERVER_BIDI_SERVICE_H_

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/impl/codegen/rpc_service_method.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <utility>

namespace vidmuse {

// For a method whose client sends a single message, gRPC would read that message, of up to
// max_message_bytes, before the method is called, and so for any number of calls at once. Here each
// method is a stream in both directions to gRPC's server, which reads nothing by itself. Clients
// see no difference.
class BidiService : public grpc::Service {
 protected:
  // Adds a method. `start` returns its reactor. `name` is "/package.Service/Method"; it is not
  // copied.
  template <typename Request, typename Response>
  void AddBidiMethod(
      const char* name,
      std::function<grpc::ServerBidiReactor<Request, Response>*(grpc::CallbackServerContext*)>
          start) {
    using grpc::internal::RpcMethod;
    AddMethod(new grpc::internal::RpcServiceMethod(name, RpcMethod::BIDI_STREAMING, nullptr));
    MarkMethodCallback(
        methods_++, new grpc::internal::CallbackBidiHandler<Request, Response>(std::move(start)));
  }

 private:
  int methods_ = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_BIDI_SERVICE_H_
