#include <utility>

#include "absl/strings/str_cat.h"
#include "core/train/clip_source.h"
#include "core/train/clip_spec.h"
#include "core/train/synthetic_music.h"
#include "core/train/synthetic_scene.h"

namespace vidmuse::train {
namespace {

double LocalTime(int place) { return static_cast<double>(place) / kLocalFrameRate; }

double GlobalTime(int place, int seconds) {
  // The last frame of a video begins one frame (0.04 s) before its end.
  return (seconds - 0.04) * place / (kGlobalFrames - 1);
}

class SyntheticSource : public ClipSource {
 public:
  SyntheticSource(uint64_t first_seed, int64_t count, int seconds)
      : first_seed_(first_seed), count_(count), seconds_(seconds) {}

  int64_t size() const override { return count_; }
  int seconds() const override { return seconds_; }
  std::string description() const override {
    return absl::StrCat("synthetic clips of seeds ", first_seed_, " on, ", count_, " of ", seconds_,
                        " s");
  }

  absl::StatusOr<std::vector<float>> Audio(int64_t clip) override {
    return SynthesizeMusic(Spec(clip), seconds_);
  }

  absl::Status LocalFrames(int64_t clip, absl::Span<const int> places, uint8_t* out) override {
    for (size_t i = 0; i < places.size(); ++i) {
      RenderScene(Spec(clip), LocalTime(places[i]), kFrameSize, out + i * kFrameBytes);
    }
    return absl::OkStatus();
  }

  absl::Status GlobalFrames(int64_t clip, absl::Span<const int> places, uint8_t* out) override {
    for (size_t i = 0; i < places.size(); ++i) {
      RenderScene(Spec(clip), GlobalTime(places[i], seconds_), kFrameSize, out + i * kFrameBytes);
    }
    return absl::OkStatus();
  }

 private:
  ClipSpec Spec(int64_t clip) const {
    return MakeClipSpec(first_seed_ + static_cast<uint64_t>(clip));
  }

  const uint64_t first_seed_;
  const int64_t count_;
  const int seconds_;
};

}  // namespace

std::unique_ptr<ClipSource> SyntheticClips(uint64_t first_seed, int64_t count, int seconds) {
  return std::make_unique<SyntheticSource>(first_seed, count, seconds);
}

VideoFrames SyntheticFrames(uint64_t seed, int seconds) {
  const ClipSpec spec = MakeClipSpec(seed);
  VideoFrames video;
  video.seconds = seconds;
  const auto add = [&](double time, std::vector<int>* places) {
    places->push_back(static_cast<int>(video.frames.size()));
    video.frames.emplace_back(kFrameBytes);
    RenderScene(spec, time, kFrameSize, video.frames.back().data());
  };
  for (int i = 0; i < kLocalFrameRate * seconds; ++i) add(LocalTime(i), &video.local);
  for (int i = 0; i < kGlobalFrames; ++i) add(GlobalTime(i, seconds), &video.global);
  return video;
}

}  // namespace vidmuse::train
