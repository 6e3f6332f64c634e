#include "core/extractors/soxr_resampler.h"

#include <soxr.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace vidmuse {

absl::StatusOr<std::vector<float>> SoxrResample(absl::Span<const float> samples, int from, int to) {
  if (from == to) return std::vector<float>(samples.begin(), samples.end());
  const auto count = static_cast<int64_t>(samples.size());
  const auto wanted = static_cast<size_t>((count * to + from - 1) / from);
  std::vector<float> result(wanted + 1);
  const soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
  const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
  size_t read = 0, written = 0;
  const soxr_error_t error =
      soxr_oneshot(from, to, /*num_channels=*/1, samples.data(), samples.size(), &read,
                   result.data(), result.size(), &written, &io, &quality, /*runtime=*/nullptr);
  if (error != nullptr) return absl::InternalError(absl::StrCat("libsoxr: ", error));
  // The library rounds the length, and librosa fills up with silence.
  std::fill(result.begin() + static_cast<std::ptrdiff_t>(std::min(written, wanted)), result.end(),
            0.0f);
  result.resize(wanted);
  return result;
}

}  // namespace vidmuse
