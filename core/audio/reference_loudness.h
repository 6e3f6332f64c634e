#ifndef VIDMUSE_AUDIO_REFERENCE_LOUDNESS_H_
#define VIDMUSE_AUDIO_REFERENCE_LOUDNESS_H_

#include <cstdint>
#include <vector>

#include "core/audio/k_weighting.h"
#include "core/audio/loudness.h"
#include "core/audio/loudness_meter.h"

namespace vidmuse {

// LoudnessMode::kReference. It holds the whole song at 4 bytes per sample, which its caller
// accounts for. It measures as the input arrives, so that little is left to do at the end.
class ReferenceLoudness : public LoudnessProcessor {
 public:
  // `total_samples` is the song's length; 0: unknown, so that memory grows with the input, to at
  // most twice the song's size.
  ReferenceLoudness(int sample_rate, int64_t total_samples, LoudnessMeter output_meter);

  absl::Status Process(absl::Span<const float> samples, bool last,
                       std::vector<float>* out) override;
  double OutputLufs() const override { return output_meter_.Integrated(); }

 private:
  void Normalize();

  KWeightedLoudness input_loudness_;
  LoudnessMeter output_meter_;
  double sum_of_squares_ = 0;
  std::vector<float> song_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_AUDIO_REFERENCE_LOUDNESS_H_
