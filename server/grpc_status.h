// Converts absl::Status to grpc::Status.
#ifndef VIDMUSE_SERVER_GRPC_STATUS_H_
#define VIDMUSE_SERVER_GRPC_STATUS_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace vidmuse {

// Trailing metadata with the time to wait before a retry, in milliseconds. gRPC clients with a
// retry policy obey it.
inline constexpr char kRetryPushbackKey[] = "grpc-retry-pushback-ms";

// Trailing metadata with the fingerprint of a server that cannot resume a song.
inline constexpr char kFingerprintKey[] = "vidmuse-fingerprint";

// Returns FAILED_PRECONDITION for a client that wants to resume a song of the fingerprint `wanted`
// on a server whose fingerprint is `own`.
absl::Status FingerprintMismatch(absl::string_view wanted, absl::string_view own);

// Whether the status is the server's fault, by OpenTelemetry's conventions for gRPC servers.
bool IsServerFault(absl::StatusCode code);

// Keeps the code and the message (cut at 1 KiB), and adds google.rpc's error details. If the status
// carries a delay (RetryAfter) or a fingerprint (FingerprintMismatch), adds it to the trailing
// metadata of `context`. So this must be called only once per call, before Finish.
grpc::Status ToGrpcStatus(const absl::Status& status, grpc::ServerContextBase* context);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_GRPC_STATUS_H_
