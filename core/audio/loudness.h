// Brings the codec's samples to the requested loudness.
#ifndef VIDMUSE_AUDIO_LOUDNESS_H_
#define VIDMUSE_AUDIO_LOUDNESS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "vidmuse/audio_format.h"

namespace vidmuse {

inline constexpr double kTargetLufs = -16.0;

// Streaming mode holds back at most this much audio: 400 ms to measure before it decides on a gain,
// and 7 ms for the limiter's look-ahead. That is 13,024 samples at 32 kHz.
inline constexpr int kStreamingLookaheadMs = 407;

// Takes and returns mono float samples, in pieces of any size. The output doesn't depend on how the
// input is split, and is the same on every run. Used by one thread at a time.
//
// kReference  Holds everything back until `last`, and computes what audiocraft's
//             normalize_audio(strategy="loudness", loudness_headroom_db=16,
//             loudness_compressor=True) does: a gain to -16 LUFS over the whole song, tanh, a clamp
//             to [-1, 1]. A song with an RMS below 2e-3 is only clamped. Two cases in which the
//             reference fails are defined here: a song shorter than 400 ms is measured as one
//             block, and a song whose every block is under -70 LUFS is only clamped.
// kStreaming  Applies a slowly moving gain of at most +20 dB, then a look-ahead limiter that keeps
//             true peaks under -1 dBTP. A song shorter than 400 ms gets the limiter alone.
// kNone       Leaves the samples as they are.
class LoudnessProcessor {
 public:
  // `total_samples` is the length of the whole song, which lets kReference allocate once; 0:
  // unknown. INVALID_ARGUMENT unless 8,000 <= sample_rate <= 192,000.
  static absl::StatusOr<std::unique_ptr<LoudnessProcessor>> Create(LoudnessMode mode,
                                                                   int sample_rate,
                                                                   int64_t total_samples = 0);
  virtual ~LoudnessProcessor() = default;

  // Appends to `out` the samples that are final now; with `last`, all the rest. In the end as many
  // samples have come out as went in. A sample that is NaN or over 1e6 in magnitude gives INTERNAL
  // with its position in the song. FAILED_PRECONDITION after `last`. After an error the processor
  // is unusable.
  virtual absl::Status Process(absl::Span<const float> samples, bool last,
                               std::vector<float>* out) = 0;

  // Returns the integrated loudness of the output so far in LUFS (ITU-R BS.1770-4); -HUGE_VAL for
  // silence, and for less than 400 ms.
  virtual double OutputLufs() const = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_AUDIO_LOUDNESS_H_
