#ifndef VIDMUSE_AUDIO_STREAMING_LOUDNESS_H_
#define VIDMUSE_AUDIO_STREAMING_LOUDNESS_H_

#include <vector>

#include "core/audio/loudness.h"
#include "core/audio/loudness_meter.h"
#include "core/audio/peak_limiter.h"

namespace vidmuse {

// LoudnessMode::kStreaming. Works in hops of 100 ms, counted from the song's start. A hop leaves
// once 400 ms, from its own start on, have been measured. Its gain aims at -16 LUFS for the
// integrated loudness so far, and keeps the short-term loudness from going far above that. The gain
// changes at a bounded rate, along a straight line inside the hop.
class StreamingLoudness : public LoudnessProcessor {
 public:
  // `input_meter` must measure EBUR128_MODE_I and EBUR128_MODE_S.
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
  std::vector<float> held_;    // samples that have not gone to the limiter yet
  std::vector<float> scaled_;  // one hop, kept to avoid allocations
  size_t measured_ = 0;        // of `held_`
  bool first_hop_ = true;
  bool gain_is_known_ = false;  // something loud enough to measure was heard
  double gain_db_ = 0;          // at the start of `held_`
};

}  // namespace vidmuse

#endif  // VIDMUSE_AUDIO_STREAMING_LOUDNESS_H_
