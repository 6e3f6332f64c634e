// The one place where an absl::Status becomes gRPC's.
#ifndef VIDMUSE_SERVER_GRPC_STATUS_H_
#define VIDMUSE_SERVER_GRPC_STATUS_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace vidmuse {

// Trailing metadata that says when to come back, in milliseconds; gRPC clients with a retry policy
// obey.
inline constexpr char kRetryPushbackKey[] = "grpc-retry-pushback-ms";

// Trailing metadata that names the fingerprint of a server that can't go on with a song.
inline constexpr char kFingerprintKey[] = "vidmuse-fingerprint";

// FAILED_PRECONDITION for a client that wants to go on with a song of fingerprint `wanted` on a
// server whose own is `own`.
absl::Status FingerprintMismatch(absl::string_view wanted, absl::string_view own);

// Same code, same message (cut at 1 KiB), with google.rpc's error details. If the status carries a delay (RetryAfter) or a fingerprint
// (FingerprintMismatch), adds it to the trailing metadata of `context`, so call it once a call and
// before Finish.
grpc::Status ToGrpcStatus(const absl::Status& status, grpc::ServerContextBase* context);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_GRPC_STATUS_H_
