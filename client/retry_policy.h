// Whether and when a broken call is tried again.
#ifndef VIDMUSE_CLIENT_RETRY_POLICY_H_
#define VIDMUSE_CLIENT_RETRY_POLICY_H_

#include <grpcpp/grpcpp.h>

#include <optional>

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

// What a server said with `grpc-retry-pushback-ms`.
struct Pushback {
  bool forbids_retry = false;  // negative or not a number
  std::optional<absl::Duration> delay = std::nullopt;
};
Pushback ReadPushback(const grpc::ClientContext& context);

// One call's use of its retries.
class RetryPolicy {
 public:
  explicit RetryPolicy(const ClientOptions& options) : options_(options) {}

  // An attempt got further than those before: the retries in a row start anew.
  void OnProgress() { failures_ = 0; }

  // How long to wait before the next attempt; nullopt: give up with `status`. `answered`: the
  // attempt had reached `started`.
  std::optional<absl::Duration> OnFailure(const absl::Status& status, const Pushback& pushback,
                                          bool answered);

 private:
  absl::Duration Backoff();

  const ClientOptions& options_;
  int failures_ = 0;  // in a row, without progress
  absl::Duration busy_wait_;
  absl::BitGen random_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_RETRY_POLICY_H_
