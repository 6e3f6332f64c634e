#ifndef VIDMUSE_AUDIO_REFERENCE_LOUDNESS_H_
#define VIDMUSE_AUDIO_REFERENCE_LOUDNESS_H_

#include <cstdint>
#include <vector>

#include "core/audio/k_weighting.h"
#include "core/audio/loudness.h"
#include "core/audio/loudness_meter.h"

namespace vidmuse {

// LoudnessMode::kReference. It holds 4 bytes a sample of the whole song, which its caller accounts
// for. The measuring goes along with the input, so little is left to do at the end.
class ReferenceLoudness : public LoudnessProcessor {
 public:
  // `total_samples`: of the song, if known; 0: memory grows with what comes, up to twice the song.
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
