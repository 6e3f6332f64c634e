#include "core/curate/probe_stage.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "core/base/status_macros.h"
#include "core/curate/black_borders.h"
#include "core/curate/silence.h"
#include "core/evaluate/clip_facts.h"
#include "core/evaluate/feature_cache.h"

namespace vidmuse::curate {
namespace {

constexpr int kShortSide = 180;
constexpr int64_t kFirstSeconds = 25;
constexpr int64_t kEverySeconds = 5;
constexpr int64_t kMicroseconds = 1'000'000;

class ProbeStage final : public Stage {
 public:
  ProbeStage(SoundSource sounds, PictureSource pictures)
      : sounds_(std::move(sounds)), pictures_(std::move(pictures)) {}

  std::string name() const override { return "probe"; }
  std::string settings() const override { return "1"; }

  absl::StatusOr<Json> Measure(const RawClip& clip, const Measurements&) const override {
    Json measured;
    ASSIGN_OR_RETURN(measured["video_hash"], evaluate::HashFile(clip.video));
    RETURN_IF_ERROR(MeasureVideo(clip, &measured));
    RETURN_IF_ERROR(MeasureSound(clip, &measured));
    return measured;
  }

 private:
  absl::Status MeasureVideo(const RawClip& clip, Json* measured) const {
    PictureOrder order;
    order.by = PicturesBy::kTime;
    order.short_side = kShortSide;
    order.grey = true;
    for (int64_t second = 0; second <= kFirstSeconds; second += kEverySeconds) {
      order.at.push_back(second * kMicroseconds);
    }
    BlackBorders borders;
    const absl::StatusOr<PictureInfo> info =
        pictures_(clip.video, order, [&](const Picture& picture) {
          borders.Add(picture);
          return absl::OkStatus();
        });
    (*measured)["has_video"] = info.ok();
    if (!info.ok()) {
      (*measured)["video_problem"] = std::string(info.status().message());
      return absl::IsInvalidArgument(info.status()) ? absl::OkStatus() : info.status();
    }
    (*measured)["seconds"] = info->seconds;
    (*measured)["width"] = info->width;
    (*measured)["height"] = info->height;
    (*measured)["frame_rate"] = info->frame_rate;
    (*measured)["border_left"] = borders.left();
    (*measured)["border_right"] = borders.right();
    (*measured)["border_top"] = borders.top();
    (*measured)["border_bottom"] = borders.bottom();
    return absl::OkStatus();
  }

  absl::Status MeasureSound(const RawClip& clip, Json* measured) const {
    const absl::StatusOr<Sound> sound = sounds_(clip.sound, kMostSoundSeconds);
    (*measured)["has_audio"] = sound.ok();
    if (!sound.ok()) {
      (*measured)["audio_problem"] = std::string(sound.status().message());
      return absl::IsInvalidArgument(sound.status()) ? absl::OkStatus() : sound.status();
    }
    const evaluate::SoundFacts facts = evaluate::FactsOf(*sound);
    (*measured)["sample_rate"] = facts.sample_rate;
    (*measured)["channels"] = facts.channels;
    (*measured)["sound_seconds"] = facts.seconds;
    (*measured)["peak"] = facts.peak;
    (*measured)["silent_share"] = SilentShare(*sound);
    return absl::OkStatus();
  }

  const SoundSource sounds_;
  const PictureSource pictures_;
};

}  // namespace

std::unique_ptr<Stage> NewProbeStage(SoundSource sounds, PictureSource pictures) {
  return std::make_unique<ProbeStage>(std::move(sounds), std::move(pictures));
}

}  // namespace vidmuse::curate
