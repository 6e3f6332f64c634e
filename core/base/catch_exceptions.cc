#include "core/base/catch_exceptions.h"

#include "absl/time/time.h"
#include "vidmuse/status_details.h"

namespace vidmuse {

const absl::Status& OutOfMemoryForNow() {
  static const auto* const status =
      new absl::Status(WithRetryAfter(OutOfMemory(), absl::Seconds(5)));
  return *status;
}

}  // namespace vidmuse
