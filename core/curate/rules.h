// Decides from what was measured which clips stay.
#ifndef VIDMUSE_CURATE_RULES_H_
#define VIDMUSE_CURATE_RULES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/curate/raw_manifest.h"
#include "core/curate/stage.h"

namespace vidmuse::curate {

// Thresholds. Their defaults are the preset "paper": section 3 of the VidMuse paper as far as it is
// known; what it doesn't say lets everything pass.
struct Rules {
  double least_seconds = 30;
  double most_seconds = 480;
  // Clips whose manifest names one of these as `category` are dropped, in any case of letters.
  std::vector<std::string> dropped_categories = {"interview", "news"};
  // Mean structural similarity of pictures a second apart: a still is 1.
  double most_similarity = 0.8;
  double most_black_share = 1;     // of the pictures
  double most_freeze_share = 1;    // of the pictures
  double least_music_share = 0.5;  // of the sound's frames
  double most_speech_share = 1;    // of the sound's frames
  double most_singing_share = 1;   // of the sound's frames
  double most_speech_left = 1;     // of the frames of what is left without vocals
  double most_singing_left = 1;    // of the frames of what is left without vocals
  double most_silent_share = 1;    // of what is left without vocals
  bool drop_duplicates = false;    // of clips that sound the same, all but the first
  int64_t finetune_clips = 20'000;

  // INVALID_ARGUMENT: there is no such preset.
  static absl::StatusOr<Rules> Preset(absl::string_view name);
};

struct Decision {
  bool kept = true;
  std::string reason;  // why it isn't kept: the stage, what was measured, and the threshold
  // Of a clip that isn't kept: whose measurement dropped it, and the reason without this clip's own
  // numbers and names, by which clips are counted.
  std::string stage = {};
  std::string rule = {};
};

// Applies the rules of all stages that have measured the clip, in the stages' order; the first that
// isn't met is the reason.
Decision Decide(const Rules& rules, const RawClip& clip, const Measurements& measured);

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_RULES_H_
