#include "core/curate/run_stages.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/curate/results.h"
#include "tests/unit/curate/folder.h"

namespace vidmuse::curate {
namespace {

// Measures what a function says, and counts.
class FakeStage : public Stage {
 public:
  using Measurer = std::function<absl::StatusOr<Json>(const RawClip&, const Measurements&)>;
  FakeStage(std::string name, Measurer measure)
      : name_(std::move(name)), measure_(std::move(measure)) {}

  std::string name() const override { return name_; }
  std::string settings() const override { return version; }
  absl::StatusOr<Json> Measure(const RawClip& clip, const Measurements& earlier) const override {
    ++calls;
    return measure_(clip, earlier);
  }

  std::string version = "1";
  mutable std::atomic<int> calls = 0;

 private:
  const std::string name_;
  const Measurer measure_;
};

std::vector<RawClip> Clips(int count) {
  std::vector<RawClip> clips;
  for (int i = 0; i < count; ++i) {
    const std::string id = "clip" + std::to_string(i);
    clips.push_back(
        {.id = id, .video = id + ".mp4", .sound = id + ".mp4", .source = Json::object()});
  }
  return clips;
}

// A stage "probe" that drops every second clip, and a stage "music" after it.
class RunStagesTest : public ::testing::Test {
 protected:
  RunStagesTest() {
    auto probe = std::make_unique<FakeStage>("probe", [](const RawClip& clip, const Measurements&) {
      Json measured;
      measured["seconds"] = clip.id.back() % 2 == 0 ? 60 : 5;
      return absl::StatusOr<Json>(measured);
    });
    auto music = std::make_unique<FakeStage>("music", [this](const RawClip& clip,
                                                             const Measurements& earlier) {
      EXPECT_EQ(earlier.at("probe").at("seconds"), 60);
      return measure_music ? measure_music(clip) : absl::StatusOr<Json>(Json{{"music_share", 1}});
    });
    probe_ = probe.get();
    music_ = music.get();
    stages_.push_back(std::move(probe));
    stages_.push_back(std::move(music));
  }

  absl::StatusOr<RunReport> Run(int workers = 3) {
    return RunStages(clips_, stages_, Rules(), store_, {.workers = workers, .on_clip = nullptr},
                     cancel_);
  }

  const Folder folder_;
  const MeasurementStore store_{folder_.path()};
  const std::vector<RawClip> clips_ = Clips(10);
  std::vector<std::unique_ptr<Stage>> stages_;
  FakeStage* probe_ = nullptr;
  FakeStage* music_ = nullptr;
  CancelFlag cancel_;
  std::function<absl::StatusOr<Json>(const RawClip&)> measure_music;
};

TEST_F(RunStagesTest, DroppedClipsGoNoFurtherAndNothingIsMeasuredTwice) {
  const auto report = Run();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(probe_->calls, 10);
  EXPECT_EQ(music_->calls, 5);
  EXPECT_EQ(report->stages.at("music").measured, 5);
  const auto again = Run();
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(probe_->calls, 10);
  EXPECT_EQ(music_->calls, 5);
  EXPECT_EQ(again->stages.at("music").reused, 5);
  music_->version = "2";
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(probe_->calls, 10);
  EXPECT_EQ(music_->calls, 10);
}

TEST_F(RunStagesTest, AClipsFaultIsRecordedAndTheMachinesIsTriedAgain) {
  measure_music = [](const RawClip& clip) -> absl::StatusOr<Json> {
    if (clip.id == "clip0") return absl::InvalidArgumentError("no sound");
    if (clip.id == "clip2") return absl::ResourceExhaustedError("out of memory");
    return Json{{"music_share", 1}};
  };
  auto report = Run();
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->stages.at("music").measured, 4);
  EXPECT_EQ(report->stages.at("music").failed, 1);
  EXPECT_EQ(report->failures.at("music").message(), "out of memory");
  EXPECT_EQ(*store_.Find("music", "1", "clip0"), (Json{{"error", "no sound"}}));
  measure_music = nullptr;
  report = Run();
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->stages.at("music").measured, 1);
  EXPECT_EQ(report->stages.at("music").failed, 0);
}

TEST_F(RunStagesTest, ARunThatIsStoppedAnywhereGoesOnToTheSameBytes) {
  const std::vector<StageKey> keys = {{"probe", "1"}, {"music", "1"}};
  const auto bytes = [&](const MeasurementStore& store, const Folder& folder) {
    const auto collected = Collect(clips_, Rules(), store, keys);
    EXPECT_TRUE(WriteResults(collected, SplitClips(collected, Rules(), {}), folder.path()).ok());
    return folder.Read("clips.jsonl") + folder.Read("pretrain.jsonl") + folder.Read("V2M.txt");
  };
  ASSERT_TRUE(Run().ok());
  const std::string whole = bytes(store_, folder_);
  for (int stop = 1; stop <= 5; ++stop) {
    const Folder other;
    const MeasurementStore store(other.path());
    std::atomic<int> measured = 0;
    CancelFlag cancel;
    measure_music = [&](const RawClip&) -> absl::StatusOr<Json> {
      if (++measured == stop) cancel.Cancel();
      return Json{{"music_share", 1}};
    };
    EXPECT_EQ(RunStages(clips_, stages_, Rules(), store, {.workers = 2, .on_clip = nullptr}, cancel)
                  .status()
                  .code(),
              absl::StatusCode::kCancelled);
    ASSERT_TRUE(
        RunStages(clips_, stages_, Rules(), store, {.workers = 2, .on_clip = nullptr}, CancelFlag())
            .ok());
    EXPECT_EQ(bytes(store, other), whole) << stop;
  }
}

TEST_F(RunStagesTest, ShardsTogetherMeasureEachClipOnce) {
  std::set<std::string> ids;
  for (int shard = 0; shard < 3; ++shard) {
    const std::vector<RawClip> part = ClipsOfShard(clips_, shard, 3);
    ASSERT_TRUE(
        RunStages(part, stages_, Rules(), store_, {.workers = 1, .on_clip = nullptr}, cancel_)
            .ok());
    for (const RawClip& clip : part) EXPECT_TRUE(ids.insert(clip.id).second) << clip.id;
  }
  EXPECT_EQ(ids.size(), 10U);
  EXPECT_EQ(probe_->calls, 10);
}

}  // namespace
}  // namespace vidmuse::curate
