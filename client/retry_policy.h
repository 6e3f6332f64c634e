// Whether and when a broken call is tried again.
#ifndef VIDMUSE_CLIENT_RETRY_POLICY_H_
#define VIDMUSE_CLIENT_RETRY_POLICY_H_

#include <grpcpp/grpcpp.h>

#include <optional>
#include <string>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/music_client.h"

namespace vidmuse {

// UNAVAILABLE also for what gRPC has other codes for, if IsTransportFailure.
absl::Status FromGrpcStatus(const grpc::Status& status);

// Whether the call ended because the connection or the server went away, rather than by an answer
// of the service's.
bool IsTransportFailure(const absl::Status& status);

// What came with a call's status.
struct Trailers {
  // Whether there were any: a server has answered, or a proxy for want of one. A connection that
  // can't be made or that breaks has none.
  bool any = false;
  // `grpc-retry-pushback-ms`: when to come back; forbidden if it is negative or not a number.
  bool forbids_retry = false;
  std::optional<absl::Duration> pushback = std::nullopt;
  // `vidmuse-fingerprint`: the server's own, where it isn't the one that was asked for.
  std::optional<std::string> fingerprint = std::nullopt;
};
Trailers ReadTrailers(const grpc::ClientContext& context);

// One call's use of its retries.
class RetryPolicy {
 public:
  explicit RetryPolicy(const ClientOptions& options) : options_(options) {}

  // An attempt got further than those before: the retries in a row start anew.
  void OnProgress() { failures_ = unanswered_ = 0; }

  // How long to wait before the next attempt; nullopt: give up with `status`.
  std::optional<absl::Duration> OnFailure(const absl::Status& status, const Trailers& trailers);

 private:
  absl::Duration Backoff();
  // Nullopt if that would be more waiting than is allowed.
  std::optional<absl::Duration> WaitForServer(absl::Duration delay);

  const ClientOptions& options_;
  int failures_ = 0;    // of the transport, in a row, without progress
  int unanswered_ = 0;  // those among them without trailers
  absl::Duration busy_wait_;
  absl::BitGen random_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_RETRY_POLICY_H_
