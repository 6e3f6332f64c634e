#ifndef VIDMUSE_AUDIO_PEAK_LIMITER_H_
#define VIDMUSE_AUDIO_PEAK_LIMITER_H_

#include <deque>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/audio/loudness_meter.h"

namespace vidmuse {

// Lowers the level before a peak and raises it again afterwards, so that true peaks stay under -1
// dBTP, the maximum of EBU R128. It works on blocks of 1 ms. A node is the boundary before a block;
// its allowed gain is what both neighbouring blocks can bear. A node's final gain is the lowest
// allowed gain of the next 5 nodes, released slowly, then averaged over 5 nodes: a ramp that
// reaches its lowest point when the peak's block begins. Inside a block the gain is a straight
// line. Holds back 7 ms.
class PeakLimiter {
 public:
  // `meter` measures true peaks (EBUR128_MODE_TRUE_PEAK) at `sample_rate`, and must be unused.
  PeakLimiter(int sample_rate, LoudnessMeter meter);

  // Appends the final samples to `out`; with `last`, all the rest.
  absl::Status Process(absl::Span<const float> samples, bool last, std::vector<float>* out);

 private:
  absl::Status MeasureBlock(std::vector<float>* out);
  void AddPeak(double peak, std::vector<float>* out);
  void AddNode(double allowed, std::vector<float>* out);
  void EmitBlock(double next_gain, std::vector<float>* out);

  const size_t block_samples_;  // constant after construction
  LoudnessMeter meter_;
  std::vector<float> held_;      // samples not yet in the output
  size_t measured_ = 0;          // of `held_`
  std::deque<double> peaks_;     // of the newest two blocks
  double last_allowed_ = 1;      // gain allowed for the newest block whose peak is known
  std::deque<double> ahead_;     // allowed gains of the newest nodes
  std::deque<double> released_;  // gains to average; empty before the first node
  double gain_ = 1;              // at the node before `held_`
};

}  // namespace vidmuse

#endif  // VIDMUSE_AUDIO_PEAK_LIMITER_H_
