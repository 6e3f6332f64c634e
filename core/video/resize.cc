#include "core/video/resize.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/model/architecture/video_frames.h"

// Not with sanitizers: they would instrument the code that chooses between versions, which runs
// before they are set up.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define VIDMUSE_FUSED __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define VIDMUSE_FUSED
#endif

namespace vidmuse {
namespace {

// The two input coordinates between which an output coordinate lies, and their weights.
struct Tap {
  int first = 0;
  int second = 0;
  float first_weight = 1;
  float second_weight = 0;
};

std::array<Tap, kFrameSize> MakeTaps(int size) {
  std::array<Tap, kFrameSize> taps;
  const float scale = static_cast<float>(size) / kFrameSize;
  for (int i = 0; i < kFrameSize; ++i) {
    const float position = std::max(0.0f, std::fma(static_cast<float>(i) + 0.5f, scale, -0.5f));
    Tap& tap = taps[i];
    tap.first = std::min(static_cast<int>(position), size - 1);
    tap.second = std::min(tap.first + 1, size - 1);
    tap.second_weight = std::clamp(position - static_cast<float>(tap.first), 0.0f, 1.0f);
    tap.first_weight = 1.0f - tap.second_weight;
  }
  return taps;
}

inline float Mix(const Tap& tap, float first, float second) {
  return std::fma(tap.first_weight, first, tap.second_weight * second);
}

// Rounds halves to even: floats of the added size have no digits after the point.
inline uint8_t Round(float value) {
  constexpr float kNoFraction = 12582912.0f;  // 1.5 * 2^23
  return static_cast<uint8_t>(std::clamp(value + kNoFraction - kNoFraction, 0.0f, 255.0f));
}

constexpr size_t kPlane = static_cast<size_t>(kFrameSize) * kFrameSize;
using Taps = std::array<Tap, kFrameSize>;

// Where the processor fuses multiply-adds itself, std::fma compiles to an instruction and not to a
// call; the bits are the same. Rows are mixed horizontally first, so that the compiler can
// vectorise the vertical mix.
VIDMUSE_FUSED void Resize(const RgbView& source, const Taps& columns, const Taps& rows,
                          uint8_t* out) {
  float upper_mixed[3][kFrameSize];
  float lower_mixed[3][kFrameSize];
  for (const Tap& row : rows) {
    const uint8_t* upper = source.origin + row.first * source.y_step;
    const uint8_t* lower = source.origin + row.second * source.y_step;
    for (int x = 0; x < kFrameSize; ++x) {
      const Tap& column = columns[x];
      const ptrdiff_t left = column.first * source.x_step;
      const ptrdiff_t right = column.second * source.x_step;
      for (int c = 0; c < 3; ++c) {
        upper_mixed[c][x] = Mix(column, upper[left + c], upper[right + c]);
        lower_mixed[c][x] = Mix(column, lower[left + c], lower[right + c]);
      }
    }
    for (int c = 0; c < 3; ++c) {
      for (int x = 0; x < kFrameSize; ++x) {
        out[c * kPlane + x] = Round(Mix(row, upper_mixed[c][x], lower_mixed[c][x]));
      }
    }
    out += kFrameSize;
  }
}

}  // namespace

std::vector<uint8_t> ResizeToModel(const RgbView& source) {
  std::vector<uint8_t> planes(3 * kPlane);
  Resize(source, MakeTaps(source.width), MakeTaps(source.height), planes.data());
  return planes;
}

}  // namespace vidmuse
