// The one place where an absl::Status becomes gRPC's.
#ifndef VIDMUSE_SERVER_GRPC_STATUS_H_
#define VIDMUSE_SERVER_GRPC_STATUS_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace vidmuse {

// Trailing metadata that says when to come back, in milliseconds; gRPC clients with a retry policy
// obey.
inline constexpr char kRetryPushbackKey[] = "grpc-retry-pushback-ms";

// Same code, same message (cut at 1 KiB). If the status carries a delay (RetryAfter), adds it to
// the trailing metadata of `context`, so call it once a call and before Finish.
grpc::Status ToGrpcStatus(const absl::Status& status, grpc::ServerContextBase* context);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_GRPC_STATUS_H_
