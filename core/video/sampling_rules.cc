#include "core/video/sampling_rules.h"

#include <algorithm>
#include <cmath>

#include "absl/numeric/int128.h"
#include "core/model/architecture/video_frames.h"

namespace vidmuse {

int64_t WholeSeconds(int64_t duration_us) { return (duration_us + 5000) / 1000000; }

double MeasuredFrameRate(int64_t frames, int64_t span_us) {
  const double rate = static_cast<double>(frames) * 1e6 / static_cast<double>(span_us);
  const double whole = std::round(rate);
  return std::abs(rate - whole) < 0.005 * rate ? whole : rate;
}

std::vector<int64_t> LocalFrameIndices(double frame_rate, int64_t frames, int seconds) {
  const auto step =
      std::max<int64_t>(1, static_cast<int64_t>(std::ceil(frame_rate / kLocalFrameRate)));
  const int64_t last = (frames - 1) / step * step;
  std::vector<int64_t> indices(static_cast<size_t>(seconds) * kLocalFrameRate);
  for (size_t i = 0; i < indices.size(); ++i) {
    indices[i] = std::min(static_cast<int64_t>(i) * step, last);
  }
  return indices;
}

std::vector<int64_t> GlobalFrameIndices(int64_t frames) {
  // torch.linspace counts up from the start in the first half and down from the end in the second.
  const float end = static_cast<float>(frames - 1);
  const float step = end / (kGlobalFrames - 1);
  std::vector<int64_t> indices(kGlobalFrames);
  for (int i = 0; i < kGlobalFrames; ++i) {
    const float position = i < kGlobalFrames / 2
                               ? step * static_cast<float>(i)
                               : end - step * static_cast<float>(kGlobalFrames - 1 - i);
    indices[i] = std::min(static_cast<int64_t>(position), frames - 1);
  }
  return indices;
}

std::vector<int64_t> FramesOnScreen(const FrameTimes& times, int seconds) {
  std::vector<int64_t> indices(static_cast<size_t>(seconds) * kLocalFrameRate);
  size_t next = 0;  // the first frame that isn't on screen yet
  for (size_t i = 0; i < indices.size(); ++i) {
    // Products of 64-bit numbers, so that nothing is rounded.
    const absl::int128 moment = absl::int128(static_cast<int64_t>(i)) * times.denominator;
    const auto shown = [&](int64_t time) {
      return (absl::int128(time) - times.at.front()) * times.numerator * kLocalFrameRate <= moment;
    };
    while (next < times.at.size() && shown(times.at[next])) ++next;
    indices[i] = static_cast<int64_t>(next) - 1;
  }
  return indices;
}

std::vector<int64_t> FramesOnScreen(double frame_rate, int64_t frames, int seconds) {
  std::vector<int64_t> indices(static_cast<size_t>(seconds) * kLocalFrameRate);
  for (size_t i = 0; i < indices.size(); ++i) {
    const double frame = std::floor(static_cast<double>(i) * frame_rate / kLocalFrameRate);
    indices[i] = static_cast<int64_t>(std::min(frame, static_cast<double>(frames - 1)));
  }
  return indices;
}

}  // namespace vidmuse
