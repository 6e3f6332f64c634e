// Decides whether and when a broken call is retried.
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

// Keeps the code and the message, but turns every transport failure (IsTransportFailure) into
// UNAVAILABLE, because gRPC reports some of them with other codes.
absl::Status FromGrpcStatus(const grpc::Status& status);

// Returns whether the call ended because the connection or the server went away, rather than by an
// answer of the service.
bool IsTransportFailure(const absl::Status& status);

// The trailing metadata that came with a call's status.
struct Trailers {
  // Whether there were any trailers. If so, a server has answered, or a proxy that has no server. A
  // connection that can't be made or that breaks gives none.
  bool any = false;
  // From `grpc-retry-pushback-ms`, the time to wait before a retry. A retry is forbidden if it is
  // negative or not a number.
  bool forbids_retry = false;
  std::optional<absl::Duration> pushback = std::nullopt;
  // From `vidmuse-fingerprint`: the server's fingerprint, if it isn't the one that was required.
  std::optional<std::string> fingerprint = std::nullopt;
};
Trailers ReadTrailers(const grpc::ClientContext& context);

// Counts the retries and the waiting of one call. Not thread-safe.
class RetryPolicy {
 public:
  explicit RetryPolicy(const ClientOptions& options) : options_(options) {}

  // Resets the count of retries in a row, because an attempt got further than those before it.
  void OnProgress() { failures_ = unanswered_ = 0; }

  // Returns how long to wait before the next attempt, or nullopt to give up with `status`.
  std::optional<absl::Duration> OnFailure(const absl::Status& status, const Trailers& trailers);

 private:
  absl::Duration Backoff();
  // Returns `delay`, or nullopt if the call's total wait would exceed max_busy_wait.
  std::optional<absl::Duration> WaitForServer(absl::Duration delay);

  const ClientOptions& options_;
  int failures_ = 0;    // transport failures in a row without progress
  int unanswered_ = 0;  // those of them that count against max_retries
  absl::Duration busy_wait_;
  absl::BitGen random_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_RETRY_POLICY_H_
