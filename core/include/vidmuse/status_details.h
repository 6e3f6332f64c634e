// Details that an absl::Status carries besides its code and message.
#ifndef VIDMUSE_STATUS_DETAILS_H_
#define VIDMUSE_STATUS_DETAILS_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace vidmuse {

// An error about one field of the request, or about a value over a limit, carries the names that
// the API and the server's flags use for them.
absl::Status AboutField(absl::Status status, absl::string_view field);
std::optional<std::string> FieldOf(const absl::Status& status);
struct BrokenLimit {
  std::string name;
  std::string value;
};
absl::Status AboutLimit(absl::Status status, absl::string_view name, double value);
std::optional<BrokenLimit> LimitOf(const absl::Status& status);

// A refusal that may succeed later carries how long to wait.
absl::Status WithRetryAfter(absl::Status status, absl::Duration delay);
std::optional<absl::Duration> RetryAfter(const absl::Status& status);

}  // namespace vidmuse

#endif  // VIDMUSE_STATUS_DETAILS_H_
