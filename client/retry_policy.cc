#include "client/retry_policy.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace vidmuse {
namespace {

// A longer pushback is assumed to be a mistake and is cut to this.
constexpr absl::Duration kMaxPushback = absl::Hours(1);

}  // namespace

absl::Status FromGrpcStatus(const grpc::Status& status) {
  absl::Status plain(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  if (!IsTransportFailure(plain) || absl::IsUnavailable(plain)) return plain;
  return absl::UnavailableError(absl::StrCat("the connection broke off: ", plain.message()));
}

bool IsTransportFailure(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return true;
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kResourceExhausted:
      // These are gRPC's own messages for streams that the peer or the connection has reset.
      return absl::StrContains(status.message(), "RST_STREAM") ||
             absl::StrContains(status.message(), "Stream removed") ||
             absl::StrContains(status.message(), "Connection reset") ||
             absl::StrContains(status.message(), "Socket closed") ||
             absl::StrContains(status.message(), "GOAWAY");
    default:
      return false;
  }
}

Trailers ReadTrailers(const grpc::ClientContext& context) {
  const auto& metadata = context.GetServerTrailingMetadata();
  Trailers trailers{.any = !metadata.empty()};
  if (const auto found = metadata.find("vidmuse-fingerprint"); found != metadata.end()) {
    trailers.fingerprint = std::string(found->second.data(), found->second.size());
  }
  const auto found = metadata.find("grpc-retry-pushback-ms");
  if (found == metadata.end()) return trailers;
  int64_t milliseconds = 0;
  const absl::string_view text(found->second.data(), found->second.size());
  if (!absl::SimpleAtoi(text, &milliseconds) || milliseconds < 0) {
    trailers.forbids_retry = true;
  } else {
    trailers.pushback = std::min(absl::Milliseconds(milliseconds), kMaxPushback);
  }
  return trailers;
}

absl::Duration RetryPolicy::Backoff() {
  absl::Duration delay = options_.initial_backoff;
  for (int i = 1; i < failures_ && delay < options_.max_backoff; ++i) delay *= 2;
  return std::min(delay, options_.max_backoff) * absl::Uniform(random_, 0.5, 1.0);
}

std::optional<absl::Duration> RetryPolicy::WaitForServer(absl::Duration delay) {
  if (busy_wait_ + delay > options_.max_busy_wait) return std::nullopt;
  busy_wait_ += delay;
  return delay;
}

std::optional<absl::Duration> RetryPolicy::OnFailure(const absl::Status& status,
                                                     const Trailers& trailers) {
  if (trailers.forbids_retry) return std::nullopt;
  if (absl::IsResourceExhausted(status)) {
    if (!trailers.pushback.has_value()) return std::nullopt;
    // The minimum keeps a pushback of 0 from causing a busy loop.
    return WaitForServer(std::max(*trailers.pushback, absl::Milliseconds(100)));
  }
  if (!IsTransportFailure(status) || options_.max_retries == 0) return std::nullopt;
  ++failures_;
  const absl::Duration delay =
      std::max(trailers.pushback.value_or(absl::ZeroDuration()), Backoff());
  // After an answer from a draining server, or from a proxy whose servers come and go, the next
  // attempt may reach a good server. Such answers count against max_retries only once max_busy_wait
  // is used up.
  if (trailers.any && WaitForServer(delay)) return delay;
  if (++unanswered_ > options_.max_retries) return std::nullopt;
  return delay;
}

}  // namespace vidmuse
