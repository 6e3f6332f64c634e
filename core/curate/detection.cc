#include "core/curate/detection.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "absl/status/status.h"
#include "core/base/status_macros.h"

namespace vidmuse::curate {
namespace {

constexpr int64_t kClasses = 527;
constexpr int64_t kSpeech = 0, kSinging = 27, kMusic = 137;
constexpr int64_t kFramesASecond = 100;

// The share of a class, of all frames and of each second's.
double Share(const FeatureMatrix& logits, int64_t which, double threshold,
             std::vector<double>* by_second) {
  // The sigmoid is over a threshold where the logit is over the threshold's own.
  const double least = std::log(threshold / (1 - threshold));
  int64_t all = 0;
  for (int64_t first = 0; first < logits.rows; first += kFramesASecond) {
    const int64_t end = std::min(first + kFramesASecond, logits.rows);
    int64_t here = 0;
    for (int64_t frame = first; frame < end; ++frame) {
      here += logits.values[frame * kClasses + which] > least;
    }
    all += here;
    by_second->push_back(static_cast<double>(here) / static_cast<double>(end - first));
  }
  return static_cast<double>(all) / static_cast<double>(logits.rows);
}

}  // namespace

absl::StatusOr<SoundShares> DetectSounds(const SoundExtractor& detector, const Sound& sound,
                                         double threshold) {
  ASSIGN_OR_RETURN(const Features features, detector.Extract(sound));
  const FeatureMatrix& logits = features.logits;
  if (logits.rows < 1 || logits.columns != kClasses) {
    return absl::InternalError("the detector gives no logits of 527 classes");
  }
  SoundShares shares;
  shares.music = Share(logits, kMusic, threshold, &shares.music_by_second);
  shares.speech = Share(logits, kSpeech, threshold, &shares.speech_by_second);
  shares.singing = Share(logits, kSinging, threshold, &shares.singing_by_second);
  return shares;
}

}  // namespace vidmuse::curate
