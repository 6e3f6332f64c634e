// Which of a sound's moments have music, speech or singing in them.
#ifndef VIDMUSE_CURATE_DETECTION_H_
#define VIDMUSE_CURATE_DETECTION_H_

#include <vector>

#include "absl/status/statusor.h"
#include "core/extractors/extractor.h"
#include "core/extractors/features.h"

namespace vidmuse::curate {

// Shares in [0, 1].
struct SoundShares {
  double music = 0, speech = 0, singing = 0;              // of all frames
  std::vector<double> music_by_second, speech_by_second;  // of each second's frames; the last one's
  std::vector<double> singing_by_second;                  // frames may be fewer
};

// Counts a frame for a class of AudioSet (music 137, speech 0, singing 27) if its probability, the
// sigmoid of its logit, is over `threshold`. `detector` gives logits of 527 classes for frames of
// 10 ms (SoundNetwork::kCnn14DecisionLevelMax). Errors are those of the detector; INTERNAL if it
// gives something else.
absl::StatusOr<SoundShares> DetectSounds(const SoundExtractor& detector, const Sound& sound,
                                         double threshold);

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_DETECTION_H_
