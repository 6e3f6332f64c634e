// The CPU model through the engine's interface: what a request gets depends on that request alone.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/model/cpu/music_model.h"
#include "core/model/load_model.h"
#include "core/model/synthetic/hash_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/grey_video.h"
#include "tests/support/stretches.h"
#include "vidmuse/model_info.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse {
namespace {

using testing::HasSubstr;

constexpr int kCodebooks = 4;
constexpr int kCard = 64;

// Three heads of 16, which no vector width but the narrowest divides.
HashModelSizes Sizes() {
  HashModelSizes sizes;
  sizes.seed = "unit";
  sizes.dim = 48;
  sizes.num_heads = 3;
  return sizes;
}

std::unique_ptr<MusicModel> Load(int device_threads, const char* precision = "fp32") {
  ModelOptions options;
  options.name = "unit";
  options.precision = precision;
  options.device_threads = device_threads;
  options.encode_threads = 2;
  auto model = LoadModelFromFiles(HashLmFile(Sizes()), HashCodecFile(Sizes()), options);
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

// A request under way, and all it drew.
struct Song {
  SamplingOptions sampling;
  std::unique_ptr<Window> window;
  std::vector<int32_t> fed = std::vector<int32_t>(kCodebooks, kCard);
  std::vector<int32_t> drawn;
  std::vector<float> logits;
};

StepRequest Request(Song& song) {
  song.drawn.resize(song.drawn.size() + kCodebooks);
  song.logits.resize(song.logits.size() + kCodebooks * kCard);
  StepRequest request;
  request.window = song.window.get();
  request.tokens = absl::MakeConstSpan(song.fed).last(kCodebooks);
  request.sampling = &song.sampling;
  request.frame = song.window->length();
  request.next_tokens = song.drawn.data() + song.drawn.size() - kCodebooks;
  request.logits = song.logits.data() + song.logits.size() - kCodebooks * kCard;
  return request;
}

void Step(MusicModel& model, const std::vector<Song*>& songs) {
  std::vector<StepRequest> requests;
  for (Song* song : songs) requests.push_back(Request(*song));
  const absl::Status status = model.Step(absl::MakeSpan(requests));
  ASSERT_TRUE(status.ok()) << status;
  for (Song* song : songs)
    song->fed.insert(song->fed.end(), song->drawn.end() - kCodebooks, song->drawn.end());
}

class CpuMusicModelTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    model_ = Load(2).release();
    condition_ = new auto(Encode(*model_, 3, 250));
  }
  static void TearDownTestSuite() {
    delete condition_;
    delete model_;
  }

  static std::shared_ptr<const VideoCondition> Encode(MusicModel& model, int seconds, int shade) {
    auto condition = model.EncodeVideo(GreyVideo(seconds, shade), CancelFlag());
    EXPECT_TRUE(condition.ok()) << condition.status();
    return *std::move(condition);
  }

  // Songs of different frames and options; song i is the same whenever it is made.
  static Song MakeSong(MusicModel& model, const VideoCondition& condition, int i) {
    Song song;
    song.sampling.seed = 1000 + i;
    song.sampling.greedy = i == 3;
    song.sampling.top_p = i == 4 ? 0.9f : 0.0f;
    song.sampling.cfg_coef = 1.0f + static_cast<float>(i);
    auto window = model.OpenWindow(condition, i % 4, 1 + i % 3, 12, CancelFlag());
    EXPECT_TRUE(window.ok()) << window.status();
    song.window = *std::move(window);
    return song;
  }

  static MusicModel* model_;
  static std::shared_ptr<const VideoCondition>* condition_;
};

MusicModel* CpuMusicModelTest::model_ = nullptr;
std::shared_ptr<const VideoCondition>* CpuMusicModelTest::condition_ = nullptr;

TEST_F(CpuMusicModelTest, DescribesItself) {
  const ModelInfo& info = model_->info();
  EXPECT_EQ(info.name, "unit");
  EXPECT_EQ(info.scale, "custom");
  EXPECT_EQ(info.device, "cpu");
  EXPECT_EQ(info.precision, "fp32");
  EXPECT_EQ(info.sample_rate, 32000);
  EXPECT_EQ(info.samples_per_frame, 640);
  EXPECT_EQ(info.codebooks, kCodebooks);
  EXPECT_EQ(info.card, kCard);
  EXPECT_EQ(info.default_cfg_coef, 3.0f);
  EXPECT_GT(info.parameters, 1000000);
}

TEST_F(CpuMusicModelTest, AVideoCanBeEncodedStretchByStretch) {
  ExpectStretchesAreTheWhole(*model_);
}

TEST_F(CpuMusicModelTest, BatchesAndThreadsChangeNothing) {
  const int count = 6, steps = 12;
  std::vector<Song> alone;
  for (int i = 0; i < count; ++i) {
    alone.push_back(MakeSong(*model_, **condition_, i));
    for (int step = 0; step < steps; ++step) Step(*model_, {&alone[i]});
  }
  EXPECT_NE(alone[0].drawn, alone[1].drawn);
  const auto model = Load(3);
  const auto condition = Encode(*model, 3, 250);
  std::vector<Song> together;
  for (int i = 0; i < count; ++i) together.push_back(MakeSong(*model, *condition, i));
  for (int step = 0; step < steps + count; ++step) {  // song i joins at step i
    std::vector<Song*> batch;
    for (int i = 0; i < count; ++i) {
      if (step >= i && together[i].window->length() < steps) batch.push_back(&together[i]);
    }
    if (step % 2) std::reverse(batch.begin(), batch.end());
    if (!batch.empty()) Step(*model, batch);
  }
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(together[i].drawn, alone[i].drawn) << "song " << i;
    EXPECT_EQ(together[i].logits, alone[i].logits) << "song " << i;
  }
}

TEST_F(CpuMusicModelTest, WindowsOpenedTogetherAreThoseOpenedAlone) {
  const int count = 5, steps = 12;
  EXPECT_LT(model_->WindowsBytes(3, steps, count), count * model_->WindowBytes(3, steps));
  EXPECT_EQ(model_->WindowsBytes(3, steps, 1), model_->WindowBytes(3, steps));
  auto windows = model_->OpenWindows(**condition_, 1, 3, steps, count, CancelFlag());
  ASSERT_TRUE(windows.ok()) << windows.status();
  ASSERT_EQ(windows->size(), static_cast<size_t>(count));
  std::vector<Song> variants(count), alone(count);
  Song other = MakeSong(*model_, **condition_, 2);  // between two of the variants
  for (int i = 0; i < count; ++i) {
    alone[i].sampling.seed = variants[i].sampling.seed = 50 + i;
    variants[i].window = std::move((*windows)[i]);
    auto window = model_->OpenWindow(**condition_, 1, 3, steps, CancelFlag());
    ASSERT_TRUE(window.ok()) << window.status();
    alone[i].window = *std::move(window);
  }
  for (int step = 0; step < steps; ++step) {
    Step(*model_, {&variants[0], &variants[1], &other, &variants[2], &variants[3], &variants[4]});
    for (Song& song : alone) Step(*model_, {&song});
  }
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(variants[i].drawn, alone[i].drawn) << "variant " << i;
    EXPECT_EQ(variants[i].logits, alone[i].logits) << "variant " << i;
  }
}

// The local frames are frames[0], frames[1] and so on of a grey video, as many as `frames` has.
VideoFrames Arranged(const std::vector<int>& frames) {
  VideoFrames video = GreyVideo(4, 250);
  video.local = frames;
  video.seconds = static_cast<int>(frames.size()) / 2;
  return video;
}

// The guided logits of five steps in a window of all frames of the video.
std::vector<float> Logits(MusicModel& model, const std::vector<int>& frames) {
  auto condition = model.EncodeVideo(Arranged(frames), CancelFlag());
  EXPECT_TRUE(condition.ok()) << condition.status();
  Song song;
  song.sampling.greedy = true;
  const auto count = static_cast<int>(frames.size());
  auto window = model.OpenWindow(**condition, 0, count, 5, CancelFlag());
  EXPECT_TRUE(window.ok()) << window.status();
  song.window = *std::move(window);
  for (int step = 0; step < 5; ++step) {
    song.fed.resize(kCodebooks * song.window->length(), 7);  // the same tokens for all
    song.fed.resize(song.fed.size() + kCodebooks, 9);
    Step(model, {&song});
  }
  return song.logits;
}

float Farthest(const std::vector<float>& a, const std::vector<float>& b) {
  float most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

// Frames that are equal are held once and count several times. A number of copies that is a power
// of two doesn't even change a bit.
TEST_F(CpuMusicModelTest, EqualFramesAreHeldOnceInReducedPrecision) {
  const std::vector<int> slides = {5, 5, 5, 1, 1, 5, 7, 7}, distinct = {0, 1, 2, 3, 4, 5, 6, 7};
  const std::vector<float> published = Logits(*model_, slides);
  const std::vector<float> published_distinct = Logits(*model_, distinct);
  for (const char* precision : {"fp16", "int8"}) {
    const auto model = Load(2, precision);
    EXPECT_EQ(Logits(*model, {5, 5, 5, 5}), Logits(*model, {5, 5})) << precision;
    EXPECT_EQ(Logits(*model, {5, 5, 1, 1, 5, 5, 1, 1}), Logits(*model, {5, 1})) << precision;
    // The error is that of the precision.
    const float error = Farthest(Logits(*model, slides), published);
    const float usual = Farthest(Logits(*model, distinct), published_distinct);
    EXPECT_LT(error, 1.5f * usual) << precision;
    EXPECT_NE(Logits(*model, {5, 5, 5, 1}), Logits(*model, {5, 1})) << precision;
  }
}

TEST_F(CpuMusicModelTest, APromptMayBeFedAtOnceOrInParts) {
  Song song = MakeSong(*model_, **condition_, 2);
  for (int step = 0; step < 12; ++step) Step(*model_, {&song});
  for (const int first : {12, 1, 5, 11}) {
    Song again = MakeSong(*model_, **condition_, 2);
    StepRequest request = Request(again);
    if (first < 12) {  // only fills the cache
      StepRequest fill;
      fill.window = again.window.get();
      fill.tokens = absl::MakeConstSpan(song.fed).first(first * kCodebooks);
      ASSERT_TRUE(model_->Step({&fill, 1}).ok());
      EXPECT_EQ(again.window->length(), first);
      request.tokens =
          absl::MakeConstSpan(song.fed).subspan(first * kCodebooks, (12 - first) * kCodebooks);
    } else {
      request.tokens = absl::MakeConstSpan(song.fed).first(12 * kCodebooks);
    }
    request.frame = 11;
    ASSERT_TRUE(model_->Step({&request, 1}).ok());
    EXPECT_EQ(again.window->length(), 12);
    EXPECT_THAT(again.drawn,
                testing::ElementsAreArray(song.drawn.end() - kCodebooks, song.drawn.end()));
    EXPECT_TRUE(std::equal(again.logits.begin(), again.logits.end(),
                           song.logits.end() - kCodebooks * kCard));
  }
}

TEST_F(CpuMusicModelTest, AFailedStepLeavesTheWindowsAsTheyWere) {
  Song expected = MakeSong(*model_, **condition_, 1);
  for (int step = 0; step < 3; ++step) Step(*model_, {&expected});
  Song good = MakeSong(*model_, **condition_, 1), bad = MakeSong(*model_, **condition_, 2);
  Step(*model_, {&good, &bad});
  const auto fails = [&](absl::StatusCode code, const char* message) {
    const std::vector<int32_t> drawn = good.drawn;
    const std::vector<float> logits = good.logits;
    std::vector<StepRequest> requests = {Request(good), Request(bad)};
    const absl::Status status = model_->Step(absl::MakeSpan(requests));
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
    EXPECT_EQ(good.window->length(), 1);
    EXPECT_EQ(bad.window->length(), 1);
    good.drawn = drawn;
    good.logits = logits;
  };
  bad.fed.back() = kCard + 1;
  fails(absl::StatusCode::kInvalidArgument, "token 65");
  bad.fed.back() = -1;
  fails(absl::StatusCode::kInvalidArgument, "token -1");
  bad.fed.back() = 0;
  bad.sampling.cfg_coef = INFINITY;  // as if the weights had overflowed
  fails(absl::StatusCode::kInternal, "finite");
  for (int step = 0; step < 2; ++step) Step(*model_, {&good});
  EXPECT_EQ(good.drawn, expected.drawn);
  EXPECT_EQ(good.logits, expected.logits);
}

TEST_F(CpuMusicModelTest, AWindowTakesNoMoreThanItsSteps) {
  Song song = MakeSong(*model_, **condition_, 0);
  EXPECT_EQ(song.window->capacity(), 12);
  for (int step = 0; step < 12; ++step) Step(*model_, {&song});
  StepRequest request = Request(song);
  EXPECT_EQ(model_->Step({&request, 1}).code(), absl::StatusCode::kInvalidArgument);
  request.tokens = {};
  EXPECT_EQ(model_->Step({&request, 1}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(song.window->length(), 12);
}

TEST_F(CpuMusicModelTest, WindowsAreCheckedAndCancelled) {
  const auto open = [&](int first, int count, int steps) {
    return model_->OpenWindow(**condition_, first, count, steps, CancelFlag()).status().code();
  };
  EXPECT_EQ((*condition_)->local_frames(), 6);
  EXPECT_EQ((*condition_)->bytes(), 6u * 50 * 48 * 4);
  EXPECT_EQ(open(0, 6, 1504), absl::StatusCode::kOk);
  for (const auto& [first, count, steps] : {std::tuple{-1, 2, 9},
                                            {0, 0, 9},
                                            {0, 7, 9},
                                            {6, 1, 9},
                                            {0, 1, 0},
                                            {0, 1, 1505},
                                            {5, 2147483647, 9}}) {
    EXPECT_EQ(open(first, count, steps), absl::StatusCode::kInvalidArgument)
        << first << " " << count;
  }
  CancelFlag cancel;
  cancel.Cancel();
  EXPECT_EQ(model_->OpenWindow(**condition_, 0, 6, 100, cancel).status().code(),
            absl::StatusCode::kCancelled);
}

TEST_F(CpuMusicModelTest, WindowBytesCountKeysAndValues) {
  const size_t position = 2 * 48 * 2 * 3;  // key and value, two layers, 24 bits
  EXPECT_EQ(model_->WindowBytes(16, 160), (832 + 2 * 192) * position);
}

TEST_F(CpuMusicModelTest, DecodesAudio) {
  auto decoder = model_->NewAudioDecoder();
  ASSERT_TRUE(decoder.ok());
  std::vector<float> samples;
  ASSERT_TRUE((*decoder)->Push(std::vector<int32_t>(kCodebooks * 10, 7), false, &samples).ok());
  EXPECT_EQ(samples.size(), 640u * 10 - 2402);
  ASSERT_TRUE((*decoder)->Push({}, true, &samples).ok());
  EXPECT_EQ(samples.size(), 640u * 10);
}

}  // namespace
}  // namespace vidmuse
