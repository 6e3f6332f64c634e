#include "core/curate/align_stage.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/curate/events.h"
#include "core/curate/structural_similarity.h"
#include "core/evaluate/cosine.h"
#include "core/evaluate/rhythm.h"

namespace vidmuse::curate {
namespace {

constexpr int kShortSide = 90;

class AlignStage final : public Stage {
 public:
  AlignStage(SoundSource sounds, PictureSource pictures, const SoundExtractor* sound,
             const PictureExtractor* picture)
      : sounds_(std::move(sounds)),
        pictures_(std::move(pictures)),
        sound_(*sound),
        picture_(*picture) {}

  std::string name() const override { return "align"; }
  std::string settings() const override { return absl::StrCat("1, ", sound_.info().sha256); }

  absl::StatusOr<Json> Measure(const RawClip& clip, const Measurements& earlier) const override {
    const auto separated = earlier.find("separate");
    const std::string path =
        separated == earlier.end() ? clip.sound : separated->second.value("path", clip.sound);
    ASSIGN_OR_RETURN(const Sound sound, sounds_(path, kMostSoundSeconds));
    ASSIGN_OR_RETURN(const Features heard, sound_.Extract(sound));
    ASSIGN_OR_RETURN(const Features seen, picture_.Extract(clip.video));
    ASSIGN_OR_RETURN(const evaluate::PairedCosines cosines,
                     evaluate::MeasureCosines(heard.embeddings, seen.embeddings));
    ASSIGN_OR_RETURN(const std::optional<double> events, Events(clip, sound));
    Json measured;
    measured["imagebind"] = cosines.mean;
    measured["events"] = events.has_value() ? Json(*events) : Json(nullptr);
    return measured;
  }

 private:
  absl::StatusOr<std::optional<double>> Events(const RawClip& clip, const Sound& sound) const {
    ASSIGN_OR_RETURN(const std::vector<float> mono, evaluate::MonoForRhythm(sound));
    ASSIGN_OR_RETURN(const std::vector<double> onsets,
                     evaluate::OnsetStrength(mono, evaluate::BandAverage::kMean));
    const double seconds = static_cast<double>(mono.size()) / evaluate::kRhythmRate;
    ASSIGN_OR_RETURN(const std::vector<double> changes, PictureChanges(clip, seconds));
    constexpr double kOnsetRate = double{evaluate::kRhythmRate} / evaluate::kRhythmHop;
    return EventAgreement(AtEventRate(onsets, kOnsetRate), changes);
  }

  // How much the picture has changed in each quarter of a second.
  absl::StatusOr<std::vector<double>> PictureChanges(const RawClip& clip, double seconds) const {
    PictureOrder order;
    order.by = PicturesBy::kTime;
    order.short_side = kShortSide;
    order.grey = true;
    for (int64_t i = 0; i < std::max<int64_t>(1, std::llround(seconds * kEventRate)); ++i) {
      order.at.push_back(i * 1'000'000 / kEventRate);
    }
    std::vector<double> changes;
    Picture last;
    RETURN_IF_ERROR(pictures_(clip.video, order, [&](Picture picture) {
                      changes.push_back(changes.empty() ? 0 : MeanDifference(last, picture));
                      last = std::move(picture);
                      return absl::OkStatus();
                    }).status());
    return changes;
  }

  const SoundSource sounds_;
  const PictureSource pictures_;
  const SoundExtractor& sound_;
  const PictureExtractor& picture_;
};

}  // namespace

std::unique_ptr<Stage> NewAlignStage(SoundSource sounds, PictureSource pictures,
                                     const SoundExtractor* sound, const PictureExtractor* picture) {
  return std::make_unique<AlignStage>(std::move(sounds), std::move(pictures), sound, picture);
}

}  // namespace vidmuse::curate
