#include "core/curate/music_stage.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/curate/detection.h"

namespace vidmuse::curate {
namespace {

class MusicStage final : public Stage {
 public:
  MusicStage(SoundSource sounds, const SoundExtractor* detector)
      : sounds_(std::move(sounds)), detector_(*detector) {}

  std::string name() const override { return "music"; }
  std::string settings() const override { return absl::StrCat("1, ", detector_.info().sha256); }

  absl::StatusOr<Json> Measure(const RawClip& clip, const Measurements&) const override {
    ASSIGN_OR_RETURN(const Sound sound, sounds_(clip.sound, kMostSoundSeconds));
    ASSIGN_OR_RETURN(const SoundShares shares, DetectSounds(detector_, sound, kLeastProbability));
    Json measured;
    measured["music_share"] = shares.music;
    measured["speech_share"] = shares.speech;
    measured["singing_share"] = shares.singing;
    measured["music_by_second"] = shares.music_by_second;
    measured["speech_by_second"] = shares.speech_by_second;
    measured["singing_by_second"] = shares.singing_by_second;
    return measured;
  }

 private:
  const SoundSource sounds_;
  const SoundExtractor& detector_;
};

}  // namespace

std::unique_ptr<Stage> NewMusicStage(SoundSource sounds, const SoundExtractor* detector) {
  return std::make_unique<MusicStage>(std::move(sounds), detector);
}

}  // namespace vidmuse::curate
