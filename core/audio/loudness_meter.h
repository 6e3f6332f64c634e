// libebur128's measurements of a mono signal.
#ifndef VIDMUSE_AUDIO_LOUDNESS_METER_H_
#define VIDMUSE_AUDIO_LOUDNESS_METER_H_

#include <ebur128.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace vidmuse {

// Used by one thread at a time.
class LoudnessMeter {
 public:
  // `mode` tells what to measure, as a combination of libebur128's EBUR128_MODE_* flags.
  static absl::StatusOr<LoudnessMeter> Create(int sample_rate, int mode);

  absl::Status Add(absl::Span<const float> samples);

  // In LUFS (EBU R128); -HUGE_VAL for silence and for too few samples.
  double Integrated() const;  // needs EBUR128_MODE_I
  double ShortTerm() const;   // the last 3 s; needs EBUR128_MODE_S

  // Returns the largest absolute value of the last Add, also between the samples. The interpolation
  // lags: a peak within the last 12 samples of an Add may show only in the next one. Needs
  // EBUR128_MODE_TRUE_PEAK.
  double LastTruePeak() const;

 private:
  struct Destroy {
    void operator()(ebur128_state* state) const { ebur128_destroy(&state); }
  };
  explicit LoudnessMeter(ebur128_state* state) : state_(state) {}

  std::unique_ptr<ebur128_state, Destroy> state_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_AUDIO_LOUDNESS_METER_H_
