#include "core/extractors/imagebind_clips.h"

#include <algorithm>
#include <cmath>

namespace vidmuse {
namespace {

// The original computes with fractions. These round down as they do, even where a product of
// doubles would be rounded up to a whole number.
int64_t FloorOfProduct(double a, double b) {
  const double product = a * b;
  const double error = std::fma(a, b, -product);
  const double floor = std::floor(product);
  return static_cast<int64_t>(floor) - (product == floor && error < 0 ? 1 : 0);
}

double LatestStart(double seconds) { return std::max(seconds - kClipSeconds, 0.0); }

int64_t Windows(double seconds) {
  return std::max<int64_t>(1, static_cast<int64_t>(std::floor(seconds / kClipSeconds + 0.5)));
}

// `start` and `end` in seconds.
Stretch FramesBetween(double start, double end, int64_t frames, double rate) {
  const auto at = [&](double time) {
    return std::min(static_cast<int64_t>(std::ceil(rate * time)), frames);
  };
  const int64_t last = at(end);
  return {std::min(at(start), last - 1), last};
}

}  // namespace

std::vector<Stretch> SoundClips(int64_t samples, int rate, int clips) {
  const double latest = LatestStart(static_cast<double>(samples) / rate);
  std::vector<Stretch> result;
  for (int i = 0; i < clips; ++i) {
    const double scale = static_cast<double>(rate) * i / std::max(clips - 1, 1);
    const int64_t begin = FloorOfProduct(latest, scale);
    result.push_back({begin, begin + kClipSeconds * rate});
  }
  return result;
}

std::vector<Stretch> PictureClips(int64_t frames, double rate, int clips) {
  const double latest = LatestStart(static_cast<double>(frames) / rate);
  std::vector<Stretch> result;
  for (int i = 0; i < clips; ++i) {
    // Exact up to one rounding, as in the original, if clips - 1 is a power of two.
    const double share = static_cast<double>(i) / std::max(clips - 1, 1);
    result.push_back(
        FramesBetween(latest * share, std::fma(latest, share, kClipSeconds), frames, rate));
  }
  return result;
}

std::vector<Stretch> SoundWindows(int64_t samples, int rate) {
  const int64_t count = Windows(static_cast<double>(samples) / rate);
  std::vector<Stretch> result;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t begin = i * kClipSeconds * rate;
    result.push_back({begin, begin + kClipSeconds * rate});
  }
  return result;
}

std::vector<Stretch> PictureWindows(int64_t frames, double rate) {
  const int64_t count = Windows(static_cast<double>(frames) / rate);
  std::vector<Stretch> result;
  for (int64_t i = 0; i < count; ++i) {
    const auto start = static_cast<double>(i * kClipSeconds);
    result.push_back(FramesBetween(start, start + kClipSeconds, frames, rate));
  }
  return result;
}

}  // namespace vidmuse
