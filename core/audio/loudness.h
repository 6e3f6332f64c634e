// From the codec's samples to the loudness that is delivered.
#ifndef VIDMUSE_AUDIO_LOUDNESS_H_
#define VIDMUSE_AUDIO_LOUDNESS_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "vidmuse/types.h"

namespace vidmuse {

inline constexpr double kTargetLufs = -16.0;

// Mono float samples in, samples out, in pieces of any size: the output's samples don't depend on how the
// input was cut. Used by one thread at a time.
class LoudnessProcessor {
 public:
  static absl::StatusOr<std::unique_ptr<LoudnessProcessor>> Create(LoudnessMode mode, int sample_rate);
  virtual ~LoudnessProcessor() = default;

  // Appends what is final now to `out`; with `last`, all the rest. In the end as many samples have come out
  // as went in.
  virtual absl::Status Process(absl::Span<const float> samples, bool last,
                               std::vector<float>* out) = 0;

  // Integrated loudness of the output so far, LUFS (ITU-R BS.1770-4); -HUGE_VAL for silence.
  virtual double OutputLufs() const = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_AUDIO_LOUDNESS_H_
