#ifndef VIDMUSE_AUDIO_STREAMING_LOUDNESS_H_
#define VIDMUSE_AUDIO_STREAMING_LOUDNESS_H_

#include <vector>

#include "core/audio/loudness.h"
#include "core/audio/loudness_meter.h"
#include "core/audio/peak_limiter.h"

namespace vidmuse {

// LoudnessMode::kStreaming. Works in hops of 100 ms on the song's sample grid: a hop leaves when
// 400 ms from its start on have been measured. Its gain aims at -16 LUFS for the integrated
// loudness so far, and keeps the short-term loudness from going far above; it moves at a bounded
// rate, as a straight line inside the hop.
class StreamingLoudness : public LoudnessProcessor {
 public:
  // `input_meter` measures EBUR128_MODE_I and _S.
  StreamingLoudness(int sample_rate, LoudnessMeter input_meter, PeakLimiter limiter,
                    LoudnessMeter output_meter);

  absl::Status Process(absl::Span<const float> samples, bool last,
                       std::vector<float>* out) override;
  double OutputLufs() const override { return output_meter_.Integrated(); }

 private:
  absl::Status MeasureHop();
  absl::Status EmitHop(std::vector<float>* out);
  double NextGainDb();

  const size_t hop_samples_;  // constant after construction
  LoudnessMeter input_meter_;
  PeakLimiter limiter_;
  LoudnessMeter output_meter_;
  std::vector<float> held_;    // samples not yet in the limiter
  std::vector<float> scaled_;  // one hop, kept to save allocations
  size_t measured_ = 0;        // of `held_`
  bool first_hop_ = true;
  bool gain_is_known_ = false;  // something loud enough to measure has come
  double gain_db_ = 0;          // at the start of `held_`
};

}  // namespace vidmuse

#endif  // VIDMUSE_AUDIO_STREAMING_LOUDNESS_H_
