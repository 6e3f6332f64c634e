#include "vidmuse/status_details.h"

#include <cstdint>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace vidmuse {
namespace {

constexpr char kRetryAfterPayload[] = "vidmuse.dev/retry-after-ms";
constexpr char kFieldPayload[] = "vidmuse.dev/field";
constexpr char kLimitPayload[] = "vidmuse.dev/limit";
constexpr char kValuePayload[] = "vidmuse.dev/value";

std::optional<std::string> Payload(const absl::Status& status, absl::string_view key) {
  const auto payload = status.GetPayload(key);
  if (!payload) return std::nullopt;
  return std::string(*payload);
}

}  // namespace

absl::Status AboutField(absl::Status status, absl::string_view field) {
  status.SetPayload(kFieldPayload, absl::Cord(field));
  return status;
}

std::optional<std::string> FieldOf(const absl::Status& status) {
  return Payload(status, kFieldPayload);
}

absl::Status AboutLimit(absl::Status status, absl::string_view name, double value) {
  status.SetPayload(kLimitPayload, absl::Cord(name));
  status.SetPayload(kValuePayload, absl::Cord(absl::StrFormat("%.15g", value)));
  return status;
}

std::optional<BrokenLimit> LimitOf(const absl::Status& status) {
  const std::optional<std::string> name = Payload(status, kLimitPayload);
  if (!name) return std::nullopt;
  return BrokenLimit{*name, Payload(status, kValuePayload).value_or("")};
}

absl::Status WithRetryAfter(absl::Status status, absl::Duration delay) {
  status.SetPayload(kRetryAfterPayload, absl::Cord(absl::StrCat(absl::ToInt64Milliseconds(delay))));
  return status;
}

std::optional<absl::Duration> RetryAfter(const absl::Status& status) {
  const std::optional<std::string> payload = Payload(status, kRetryAfterPayload);
  int64_t milliseconds = 0;
  if (!payload || !absl::SimpleAtoi(*payload, &milliseconds)) return std::nullopt;
  return absl::Milliseconds(milliseconds);
}

}  // namespace vidmuse
