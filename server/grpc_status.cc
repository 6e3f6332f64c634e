#include "server/grpc_status.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "server/error_details.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

constexpr char kFingerprintPayload[] = "vidmuse.dev/fingerprint";

}  // namespace

absl::Status FingerprintMismatch(absl::string_view wanted, absl::string_view own) {
  absl::Status status = absl::FailedPreconditionError(
      absl::StrCat("resume.fingerprint is ", wanted, ", but this server's is ", own,
                   ": its tokens and bytes would differ"));
  status.SetPayload(kFingerprintPayload, absl::Cord(own));
  return status;
}

bool IsServerFault(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDataLoss:
      return true;
    default:
      return false;
  }
}

grpc::Status ToGrpcStatus(const absl::Status& status, grpc::ServerContextBase* context) {
  if (status.ok()) return grpc::Status::OK;
  if (const std::optional<absl::Duration> delay = RetryAfter(status)) {
    context->AddTrailingMetadata(
        kRetryPushbackKey, absl::StrCat(std::max<int64_t>(0, absl::ToInt64Milliseconds(*delay))));
  }
  if (const absl::optional<absl::Cord> own = status.GetPayload(kFingerprintPayload)) {
    context->AddTrailingMetadata(kFingerprintKey, std::string(*own));
  }
  // gRPC limits a call's metadata to 8 KiB, and escaping makes a message up to three times longer.
  constexpr size_t kMaxMessage = 1024;
  const std::string message(status.message().substr(0, kMaxMessage));
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), message,
                      ErrorDetails(status, message));
}

}  // namespace vidmuse
