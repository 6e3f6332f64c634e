// From the codec's samples to the loudness that is delivered.
#ifndef VIDMUSE_AUDIO_LOUDNESS_H_
#define VIDMUSE_AUDIO_LOUDNESS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "vidmuse/types.h"

namespace vidmuse {

inline constexpr double kTargetLufs = -16.0;

// Streaming mode holds back at most this much audio: 400 ms to measure before it decides on a gain,
// and 7 ms for the limiter to see a peak coming. 13,024 samples at 32 kHz.
inline constexpr int kStreamingLookaheadMs = 407;

// Mono float samples in, samples out, in pieces of any size: the output's samples don't depend on
// how the input was cut, and are the same on every run. Used by one thread at a time.
//
// kReference  Holds everything back until `last`. What audiocraft's
//             normalize_audio(strategy="loudness", loudness_headroom_db=16,
//             loudness_compressor=True) computes: gain to -16 LUFS over the whole song, tanh, clamp
//             to [-1, 1]. A song with an RMS below 2e-3 is only clamped. Where the reference fails:
//             a song shorter than 400 ms is measured as one block; a song whose every block is
//             under -70 LUFS is only clamped.
// kStreaming  A slowly moving gain, at most +20 dB, then a look-ahead limiter: true peaks stay
// under
//             -1 dBTP. A song shorter than 400 ms gets the limiter alone.
// kNone       Samples as they come.
class LoudnessProcessor {
 public:
  // `total_samples`: of the whole song, so that kReference takes its memory once; 0: not known.
  // INVALID_ARGUMENT unless 8,000 <= sample_rate <= 192,000.
  static absl::StatusOr<std::unique_ptr<LoudnessProcessor>> Create(LoudnessMode mode,
                                                                   int sample_rate,
                                                                   int64_t total_samples = 0);
  virtual ~LoudnessProcessor() = default;

  // Appends what is final now to `out`; with `last`, all the rest. In the end as many samples have
  // come out as went in. INTERNAL, naming its place in the song, for a sample that is NaN or over
  // 1e6 in magnitude; FAILED_PRECONDITION after `last`. After an error the processor can't go on.
  virtual absl::Status Process(absl::Span<const float> samples, bool last,
                               std::vector<float>* out) = 0;

  // Integrated loudness of the output so far, LUFS (ITU-R BS.1770-4); -HUGE_VAL for silence, and
  // for less than 400 ms.
  virtual double OutputLufs() const = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_AUDIO_LOUDNESS_H_
