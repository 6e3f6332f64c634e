// The mel spectrogram that VGGish was trained on.
#ifndef VIDMUSE_EXTRACTORS_VGGISH_MEL_H_
#define VIDMUSE_EXTRACTORS_VGGISH_MEL_H_

#include <cstdint>

#include "absl/types/span.h"

namespace at {
class Tensor;
}

namespace vidmuse {

inline constexpr int kVggishRate = 16000;     // Hz
inline constexpr int64_t kVggishFrames = 96;  // of a window, each 10 ms after the one before
inline constexpr int64_t kVggishBands = 64;

// Returns the number of whole windows of 0.96 s in so many samples at kVggishRate.
int64_t VggishWindows(int64_t samples);

// Returns windows `first` to `first + count`, float32 [count, 1, kVggishFrames, kVggishBands], as
// torchvggish's mel_features computes them: log(mel + 0.01) of the magnitude spectrum of frames of
// 25 ms. Throws what Torch throws, so call it inside RunTorch.
at::Tensor VggishMel(absl::Span<const float> samples, int64_t first, int64_t count);

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_VGGISH_MEL_H_
