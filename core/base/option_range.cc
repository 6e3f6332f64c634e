#include "core/base/option_range.h"

#include <cmath>

#include "absl/strings/str_format.h"
#include "core/base/status_macros.h"
#include "vidmuse/status_details.h"

namespace vidmuse {

absl::Status CheckRange(const OptionRange& range, double value) {
  if (value >= range.low && value <= range.high) return absl::OkStatus();
  return AboutField(
      absl::InvalidArgumentError(absl::StrFormat("%s = %.7g is out of range, allowed is [%g, %.7g]",
                                                 range.field, value, range.low, range.high)),
      range.field);
}

absl::Status CheckWindowOverlap(double seconds) {
  RETURN_IF_ERROR(CheckRange(kWindowOverlapRange, seconds));
  if (seconds * 2 == std::floor(seconds * 2)) return absl::OkStatus();
  return AboutField(absl::InvalidArgumentError(absl::StrFormat("%s = %.7g isn't a multiple of 0.5",
                                                               kWindowOverlapRange.field, seconds)),
                    kWindowOverlapRange.field);
}

}  // namespace vidmuse
