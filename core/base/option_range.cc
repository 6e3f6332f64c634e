#include "core/base/option_range.h"

#include "absl/strings/str_format.h"
#include "vidmuse/status_details.h"

namespace vidmuse {

absl::Status CheckRange(const OptionRange& range, double value) {
  if (value >= range.low && value <= range.high) return absl::OkStatus();
  return AboutField(
      absl::InvalidArgumentError(absl::StrFormat("%s = %.7g is out of range, allowed is [%g, %.7g]",
                                                 range.field, value, range.low, range.high)),
      range.field);
}

}  // namespace vidmuse
