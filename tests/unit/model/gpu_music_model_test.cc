// The model that GPUs run, on the CPU: slots, buckets, graphs, sampling.
#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/model/architecture/sampler.h"
#include "core/model/gpu/music_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/device_model.h"
#include "tests/support/stretches.h"

namespace vidmuse {
namespace {

using testing::HasSubstr;

constexpr int kCodebooks = 4;
constexpr int kCard = 300;
constexpr int kSlots = 6;

// Three heads of 16.
HashModelSizes Sizes() {
  HashModelSizes sizes;
  sizes.seed = "unit";
  sizes.dim = 48;
  sizes.num_heads = 3;
  sizes.card = sizes.codec_bins = kCard;
  return sizes;
}

std::unique_ptr<GpuMusicModel> Load(const StepGraphMaker& make_graph, std::vector<int> buckets = {},
                                    DevicePrecision precision = DevicePrecision::kFp32) {
  GpuModelOptions options;
  options.precision = precision;
  options.slots = kSlots;
  options.steps.graph = make_graph;
  options.steps.buckets = std::move(buckets);
  auto model = LoadDeviceModel(Sizes(), "cpu", std::move(options));
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

std::shared_ptr<const VideoCondition> Encode(MusicModel& model) {
  auto condition = model.EncodeVideo(GreyVideo(3, 250), CancelFlag());
  EXPECT_TRUE(condition.ok()) << condition.status();
  return *std::move(condition);
}

// Songs of different frames and options; song i is the same whenever it is made.
DeviceSong MakeSong(MusicModel& model, const VideoCondition& condition, int i) {
  DeviceSong song;
  song.sampling.seed = 1000 + i;
  song.sampling.greedy = i == 3;
  song.sampling.top_p = i == 4 ? 0.9f : 0.0f;
  song.sampling.top_k = i == 1 ? 0 : 40 * i + 1;
  song.sampling.temperature = 1.0f + 0.3f * static_cast<float>(i);
  song.sampling.cfg_coef = 1.0f + static_cast<float>(i);
  auto window = model.OpenWindow(condition, i % 4, 1 + i % 3, 12, CancelFlag());
  EXPECT_TRUE(window.ok()) << window.status();
  if (window.ok()) song.window = *std::move(window);
  return song;
}

class GpuMusicModelTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    model_ = Load(NewEagerGraph).release();
    condition_ = new auto(Encode(*model_));
  }
  static void TearDownTestSuite() {
    delete condition_;
    delete model_;
  }
  static DeviceSong Alone(int i, int steps = 12) {
    DeviceSong song = MakeSong(*model_, **condition_, i);
    for (int step = 0; step < steps; ++step) {
      EXPECT_EQ(StepSongs(*model_, {&song}), absl::OkStatus());
    }
    return song;
  }

  static GpuMusicModel* model_;
  static std::shared_ptr<const VideoCondition>* condition_;
};

GpuMusicModel* GpuMusicModelTest::model_ = nullptr;
std::shared_ptr<const VideoCondition>* GpuMusicModelTest::condition_ = nullptr;

TEST_F(GpuMusicModelTest, AVideoCanBeEncodedStretchByStretch) {
  ExpectStretchesAreTheWhole(*model_);
}

void ExpectCompanyChangesNothing(GpuMusicModel& model, const std::vector<DeviceSong>& alone) {
  const auto condition = Encode(model);
  const int count = static_cast<int>(alone.size()), steps = 12;
  // Taken from the back, so that each song lives in another slot than alone.
  std::vector<DeviceSong> together(count);
  for (int i = count - 1; i >= 0; --i) together[i] = MakeSong(model, *condition, i);
  for (int step = 0; step < steps + count; ++step) {  // song i joins at step i
    std::vector<DeviceSong*> batch;
    for (int i = 0; i < count; ++i) {
      if (step >= i && together[i].window->length() < steps) batch.push_back(&together[i]);
    }
    if (step % 2) std::reverse(batch.begin(), batch.end());
    if (batch.empty()) continue;
    ASSERT_EQ(StepSongs(model, batch), absl::OkStatus());
  }
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(together[i].drawn, alone[i].drawn) << "song " << i;
    EXPECT_EQ(together[i].logits, alone[i].logits) << "song " << i;
  }
}

TEST_F(GpuMusicModelTest, SlotsBucketsAndCompanyChangeNothing) {
  std::vector<DeviceSong> alone;
  for (int i = 0; i < kSlots; ++i) {
    alone.push_back(Alone(i));
    alone.back().window = nullptr;
  }
  EXPECT_NE(alone[0].drawn, alone[1].drawn);
  ExpectCompanyChangesNothing(*model_, alone);
  // One bucket; no graphs.
  ExpectCompanyChangesNothing(*Load(nullptr, {kSlots}), alone);
}

TEST_F(GpuMusicModelTest, DrawsWhatTheSamplerDraws) {
  Sampler sampler;
  for (int i = 0; i < kSlots; ++i) {
    const DeviceSong song = Alone(i);
    for (int step = 0; step < 12; ++step) {
      std::vector<int32_t> expected(kCodebooks);
      const auto logits = absl::MakeConstSpan(song.logits)
                              .subspan(size_t{1} * step * kCodebooks * kCard, kCodebooks * kCard);
      ASSERT_EQ(sampler.DrawStep(logits, kCodebooks, song.sampling, step, expected.data()),
                absl::OkStatus());
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(), &song.drawn[step * kCodebooks]))
          << "song " << i << ", step " << step;
    }
  }
}

TEST_F(GpuMusicModelTest, APromptMayBeFedAtOnceOrInParts) {
  const DeviceSong song = Alone(2);
  for (const int first : {12, 1, 5, 11}) {
    DeviceSong again = MakeSong(*model_, **condition_, 2);
    DeviceSong other = MakeSong(*model_, **condition_, 4);  // steps beside it, one at a time
    other.fed.assign(kCodebooks, kCard);
    const auto fed = absl::MakeConstSpan(song.fed);
    std::vector<int32_t> drawn(kCodebooks);
    std::vector<float> logits(kCodebooks * kCard);
    std::vector<StepRequest> requests(2);
    requests[0].window = again.window.get();
    requests[1].window = other.window.get();
    requests[1].tokens = other.fed;
    if (first < 12) {  // only fills the cache
      requests[0].tokens = fed.first(first * kCodebooks);
      ASSERT_EQ(model_->Step(absl::MakeSpan(requests)), absl::OkStatus());
      EXPECT_EQ(again.window->length(), first);
      EXPECT_EQ(other.window->length(), 1);
    }
    requests[0].tokens = first < 12 ? fed.subspan(first * kCodebooks, (12 - first) * kCodebooks)
                                    : fed.first(12 * kCodebooks);
    requests[0].sampling = &again.sampling;
    requests[0].frame = 11;
    requests[0].next_tokens = drawn.data();
    requests[0].logits = logits.data();
    ASSERT_EQ(model_->Step(absl::MakeSpan(requests)), absl::OkStatus());
    EXPECT_EQ(again.window->length(), 12);
    EXPECT_TRUE(std::equal(drawn.begin(), drawn.end(), song.drawn.end() - kCodebooks));
    EXPECT_TRUE(std::equal(logits.begin(), logits.end(), song.logits.end() - kCodebooks * kCard));
  }
}

TEST_F(GpuMusicModelTest, MoreStepsAtOnceThanInputsOnTheirWay) {
  const std::vector<int32_t> prompt(150 * kCodebooks, 7);
  std::vector<std::vector<float>> logits;
  for (const int piece : {150, 10}) {
    auto window = model_->OpenWindow(**condition_, 0, 2, 150, CancelFlag());
    ASSERT_TRUE(window.ok()) << window.status();
    logits.emplace_back(kCodebooks * kCard);
    for (int at = 0; at < 150; at += piece) {
      StepRequest request;
      request.window = window->get();
      request.tokens = absl::MakeConstSpan(prompt).first(piece * kCodebooks);
      request.logits = logits.back().data();
      ASSERT_EQ(model_->Step({&request, 1}), absl::OkStatus());
    }
  }
  EXPECT_EQ(logits[0], logits[1]);
}

TEST_F(GpuMusicModelTest, AFailedStepLeavesTheWindowsAsTheyWere) {
  const DeviceSong expected = Alone(1, 3);
  DeviceSong good = MakeSong(*model_, **condition_, 1), bad = MakeSong(*model_, **condition_, 2);
  ASSERT_EQ(StepSongs(*model_, {&good, &bad}), absl::OkStatus());
  const auto fails = [&](absl::StatusCode code, const char* message) {
    DeviceSong copy;
    std::swap(copy.window, good.window);
    copy.sampling = good.sampling;
    copy.fed = good.fed;
    const absl::Status status = StepSongs(*model_, {&copy, &bad});
    std::swap(copy.window, good.window);
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
    EXPECT_EQ(good.window->length(), 1);
    EXPECT_EQ(bad.window->length(), 1);
  };
  bad.fed.back() = kCard + 1;
  fails(absl::StatusCode::kInvalidArgument, "token 301");
  bad.fed.back() = 0;
  bad.sampling.temperature = NAN;
  fails(absl::StatusCode::kInvalidArgument, "temperature");
  bad.sampling.temperature = 1;
  bad.sampling.cfg_coef = INFINITY;  // as if the weights had overflowed
  fails(absl::StatusCode::kInternal, "finite");
  for (int step = 0; step < 2; ++step) ASSERT_EQ(StepSongs(*model_, {&good}), absl::OkStatus());
  EXPECT_EQ(good.drawn, expected.drawn);
  EXPECT_EQ(good.logits, expected.logits);
}

TEST_F(GpuMusicModelTest, WindowsWaitForASlot) {
  std::vector<DeviceSong> songs;
  for (int i = 0; i < kSlots; ++i) songs.push_back(MakeSong(*model_, **condition_, i));
  CancelFlag cancel;
  cancel.Cancel();
  EXPECT_EQ(model_->OpenWindow(**condition_, 0, 1, 9, cancel).status().code(),
            absl::StatusCode::kCancelled);
  SlotPool pool(1);
  ASSERT_TRUE(pool.Take(absl::ZeroDuration(), CancelFlag()).ok());
  EXPECT_EQ(pool.Take(absl::Milliseconds(30), CancelFlag()).status().code(),
            absl::StatusCode::kResourceExhausted);
  songs.clear();
  EXPECT_TRUE(model_->OpenWindow(**condition_, 0, 1, 9, CancelFlag()).ok());
}

TEST_F(GpuMusicModelTest, WindowsAreChecked) {
  const auto open = [&](int first, int count, int steps) {
    return model_->OpenWindow(**condition_, first, count, steps, CancelFlag()).status().code();
  };
  EXPECT_EQ(open(0, 6, 1504), absl::StatusCode::kOk);
  for (const auto& [first, count, steps] : {std::tuple{-1, 2, 9},
                                            {0, 0, 9},
                                            {0, 7, 9},
                                            {6, 1, 9},
                                            {0, 1, 0},
                                            {0, 1, 1505},
                                            {5, 2147483647, 9}}) {
    EXPECT_EQ(open(first, count, steps), absl::StatusCode::kInvalidArgument)
        << first << " " << count << " " << steps;
  }
}

TEST_F(GpuMusicModelTest, SlotsTakeWhatIsCounted) {
  const gpu::TokenModelBytes bytes = model_->network().bytes();
  EXPECT_EQ(model_->WindowBytes(6, 12), bytes.slot_self + bytes.slot_condition);
  EXPECT_EQ(model_->WindowMemory(), kSlots * model_->WindowBytes(6, 12));
  EXPECT_EQ(gpu::TokenModel::WeightBytes(model_->network().config(), model_->network().options()),
            bytes.weights + bytes.unread + bytes.null_condition);
}

TEST_F(GpuMusicModelTest, ReducedPrecisionsAreNear) {
  const DeviceSong exact = Alone(3, 1);
  for (const auto& [precision, tolerance] :
       {std::pair{DevicePrecision::kFp16, 0.02}, {DevicePrecision::kBf16, 0.2}}) {
    const auto model = Load(nullptr, {}, precision);
    EXPECT_EQ(model->info().precision, DevicePrecisionName(precision));
    DeviceSong song = MakeSong(*model, *Encode(*model), 3);
    ASSERT_EQ(StepSongs(*model, {&song}), absl::OkStatus());
    double worst = 0;
    for (size_t i = 0; i < song.logits.size(); ++i) {
      worst = std::max(worst, std::abs(double{song.logits[i]} - exact.logits[i]));
    }
    EXPECT_GT(worst, 0);
    EXPECT_LT(worst, tolerance) << DevicePrecisionName(precision);
  }
}

// Fails on command.
class BadGraph final : public StepGraph {
 public:
  BadGraph(bool record, bool replay) : record_(record), replay_(replay) {}
  void Record(const std::function<void()>&, const StepGraph*) override {
    if (!record_) throw std::runtime_error("cannot record");
  }
  void Replay() override {
    if (replays_++ > 0 && !replay_) throw std::runtime_error("cannot replay");
  }

 private:
  const bool record_, replay_;
  int replays_ = 0;
};

TEST_F(GpuMusicModelTest, RecordsAGraphOfEachBucket) {
  EXPECT_EQ(model_->info().step_graphs, 4);  // 1, 2, 4, 6
  EXPECT_EQ(model_->notice(), "");
  int recorded = 0;
  const auto model = Load(
      [&] {
        ++recorded;
        return NewEagerGraph();
      },
      {2});
  EXPECT_EQ(recorded, 2);
  EXPECT_EQ(model->info().step_graphs, 2);
}

TEST_F(GpuMusicModelTest, GoesOnWithoutGraphs) {
  const DeviceSong expected = Alone(1, 3);
  const auto model = Load([] { return std::make_unique<BadGraph>(false, false); });
  EXPECT_EQ(model->info().step_graphs, 0);
  EXPECT_THAT(model->notice(), HasSubstr("cannot record"));
  DeviceSong song = MakeSong(*model, *Encode(*model), 1);
  for (int step = 0; step < 3; ++step) ASSERT_EQ(StepSongs(*model, {&song}), absl::OkStatus());
  EXPECT_EQ(song.logits, expected.logits);
}

TEST_F(GpuMusicModelTest, AGraphThatFailsIsGivenUp) {
  const DeviceSong expected = Alone(1, 1);
  const auto model = Load([] { return std::make_unique<BadGraph>(true, false); });
  DeviceSong song = MakeSong(*model, *Encode(*model), 1);
  const absl::Status status = StepSongs(*model, {&song});
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot replay"));
  song.drawn.clear();
  song.logits.clear();
  ASSERT_EQ(StepSongs(*model, {&song}), absl::OkStatus());
  EXPECT_EQ(song.logits, expected.logits);
}

}  // namespace
}  // namespace vidmuse
