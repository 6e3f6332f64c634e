#include "server/error_details.h"

#include <algorithm>
#include <optional>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

// The description repeats the message, and gRPC limits the size of metadata, so it is cut.
constexpr size_t kMaxDescription = 256;

google::rpc::ErrorInfo Info(const absl::Status& status) {
  google::rpc::ErrorInfo info;
  info.set_domain("vidmuse");
  if (const std::optional<BrokenLimit> limit = LimitOf(status)) {
    info.set_reason("LIMIT_EXCEEDED");
    (*info.mutable_metadata())["limit"] = limit->name;
    (*info.mutable_metadata())["value"] = limit->value;
  } else if (FieldOf(status)) {
    info.set_reason("FIELD_OUT_OF_RANGE");
  } else {
    info.set_reason(absl::StatusCodeToString(status.code()));
  }
  return info;
}

}  // namespace

std::string ErrorDetails(const absl::Status& status, absl::string_view message) {
  google::rpc::Status out;
  out.set_code(static_cast<int>(status.code()));
  out.set_message(std::string(message));
  out.add_details()->PackFrom(Info(status));
  if (const std::optional<std::string> field = FieldOf(status)) {
    google::rpc::BadRequest bad_request;
    auto* violation = bad_request.add_field_violations();
    violation->set_field(*field);
    violation->set_description(std::string(message.substr(0, kMaxDescription)));
    out.add_details()->PackFrom(bad_request);
  }
  if (const std::optional<absl::Duration> delay = RetryAfter(status)) {
    const int64_t milliseconds = std::max<int64_t>(0, absl::ToInt64Milliseconds(*delay));
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(milliseconds / 1000);
    retry.mutable_retry_delay()->set_nanos(static_cast<int>(milliseconds % 1000) * 1'000'000);
    out.add_details()->PackFrom(retry);
  }
  return out.SerializeAsString();
}

}  // namespace vidmuse
