#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/curate/black_borders.h"
#include "core/curate/duplicates.h"
#include "core/curate/duplicates_stage.h"
#include "core/curate/probe_stage.h"
#include "core/curate/silence.h"
#include "core/curate/static_stage.h"
#include "core/curate/structural_similarity.h"
#include "tests/support/test_data.h"

namespace vidmuse::curate {
namespace {

using ::testing::ElementsAre;

constexpr int kWidth = 48, kHeight = 27;

Picture Grey(const std::function<int(int x, int y)>& pixel) {
  Picture picture{.place = 0, .width = kWidth, .height = kHeight, .channels = 1, .pixels = {}};
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) picture.pixels.push_back(static_cast<uint8_t>(pixel(x, y)));
  }
  return picture;
}

int Wave(int x, int y) { return (x * x + 3 * y * y + x * y) % 251; }

// A clip whose video is a file that is there, but no video.
RawClip Clip() {
  return {.id = "a", .video = TestData("demo/README.md"), .sound = "s", .source = Json::object()};
}

// Ten seconds of a video that shows `picture` at each second.
PictureSource Video(std::function<Picture(int64_t second)> picture) {
  return [picture = std::move(picture)](const std::string&, const PictureOrder& order,
                                        TakePicture take) -> absl::StatusOr<PictureInfo> {
    for (const int64_t at : order.at) {
      const absl::Status taken = take(picture(std::min<int64_t>(at / 1'000'000, 9)));
      if (!taken.ok()) return taken;
    }
    return PictureInfo{.width = 640, .height = 360, .frames = 250, .frame_rate = 25, .seconds = 10};
  };
}

SoundSource Sounds(Sound sound) {
  return [sound = std::move(sound)](const std::string&, double) { return sound; };
}

// The same numbers as skimage.metrics.structural_similarity(a, b, gaussian_weights=True, sigma=1.5,
// use_sample_covariance=False, data_range=255) of scikit-image 0.26.
TEST(StructuralSimilarity, EqualsScikitImages) {
  const Picture a = Grey(Wave);
  EXPECT_DOUBLE_EQ(StructuralSimilarity(a, a), 1);
  EXPECT_NEAR(StructuralSimilarity(a, Grey([](int x, int y) { return Wave(x, y) / 2; })), 0.6399159,
              1e-5);
  EXPECT_NEAR(StructuralSimilarity(a, Grey([](int x, int y) { return Wave(x + 1, y); })),
              -0.0664197, 1e-5);
  EXPECT_NEAR(StructuralSimilarity(a, Grey([](int, int) { return 128; })), 0.0111925, 1e-5);
}

TEST(BlackBorders, AreBlackInEveryPicture) {
  BlackBorders borders;
  borders.Add(Grey([](int, int) { return 10; }));  // says nothing
  EXPECT_EQ(borders.top(), 0);
  borders.Add(Grey([](int x, int y) { return x < 12 || y < 3 || y >= 24 ? 16 : 200; }));
  borders.Add(Grey([](int x, int y) { return x < 24 || y < 9 || y >= 24 ? 24 : 25; }));
  EXPECT_DOUBLE_EQ(borders.left(), 12.0 / kWidth);
  EXPECT_DOUBLE_EQ(borders.right(), 0);
  EXPECT_DOUBLE_EQ(borders.top(), 3.0 / kHeight);
  EXPECT_DOUBLE_EQ(borders.bottom(), 3.0 / kHeight);
}

TEST(Silence, CountsTenthsOfASecond) {
  Sound sound{.sample_rate = 1000,
              .channels = {std::vector<float>(1050), std::vector<float>(1050)}};
  EXPECT_EQ(SilentShare(sound), 1);
  for (int i = 0; i < 250; ++i) sound.channels[1][i] = 0.5F;
  EXPECT_NEAR(SilentShare(sound), 8.0 / 11, 1e-12);
}

TEST(StaticStage, TellsStillsFromPicturesThatMove) {
  const auto measure = [](std::function<Picture(int64_t)> picture) {
    return *NewStaticStage(Video(std::move(picture)))->Measure(Clip(), {});
  };
  const Json still = measure([](int64_t) { return Grey(Wave); });
  EXPECT_EQ(still["pictures"], 10);
  EXPECT_EQ(still["similarity"], 1);
  EXPECT_EQ(still["freeze_share"], 1);
  EXPECT_EQ(still["black_share"], 0);
  const Json moving = measure([](int64_t second) {
    return Grey([&](int x, int y) { return Wave(x + 7 * static_cast<int>(second), y); });
  });
  EXPECT_LT(moving["similarity"], 0.3);
  EXPECT_EQ(moving["freeze_share"], 0);
  const Json half = measure([](int64_t second) {
    return Grey(
        [&](int x, int y) { return second < 5 ? 0 : Wave(x + 7 * static_cast<int>(second), y); });
  });
  EXPECT_EQ(half["black_share"], 0.5);
  EXPECT_NEAR(half["freeze_share"], 4.0 / 9, 1e-12);
}

TEST(ProbeStage, MeasuresBothStreams) {
  Sound sound{.sample_rate = 8000, .channels = {std::vector<float>(16000, 0.25F)}};
  sound.channels[0][5] = -0.5F;
  const Json measured = *NewProbeStage(Sounds(sound), Video([](int64_t) {
                                         return Grey([](int, int y) { return y < 9 ? 0 : 100; });
                                       }))
                             ->Measure(Clip(), {});
  EXPECT_EQ(measured["video_hash"].get<std::string>().size(), 32U);
  EXPECT_EQ(measured["has_video"], true);
  EXPECT_EQ(measured["has_audio"], true);
  EXPECT_EQ(measured["seconds"], 10);
  EXPECT_EQ(measured["width"], 640);
  EXPECT_NEAR(measured["border_top"], 9.0 / kHeight, 1e-12);
  EXPECT_EQ(measured["sound_seconds"], 2);
  EXPECT_EQ(measured["peak"], 0.5);
  EXPECT_EQ(measured["silent_share"], 0);
}

TEST(ProbeStage, SaysWhatIsMissingAndDoesNotBlameTheClipForTheMachine) {
  const auto sounds = [](const absl::Status& status) {
    return [status](const std::string&, double) { return absl::StatusOr<Sound>(status); };
  };
  const PictureSource video = Video([](int64_t) { return Grey(Wave); });
  const Json measured = *NewProbeStage(sounds(absl::InvalidArgumentError("no audio stream")), video)
                             ->Measure(Clip(), {});
  EXPECT_EQ(measured["has_video"], true);
  EXPECT_EQ(measured["has_audio"], false);
  EXPECT_EQ(measured["audio_problem"], "no audio stream");
  EXPECT_EQ(NewProbeStage(sounds(absl::ResourceExhaustedError("out of memory")), video)
                ->Measure(Clip(), {})
                .status()
                .code(),
            absl::StatusCode::kResourceExhausted);
}

// Notes of a scale at random: music enough for a fingerprint.
Sound Melody(uint32_t seed, double seconds) {
  std::mt19937 random(seed);
  Sound sound{.sample_rate = 11025, .channels = {{}}};
  std::vector<float>& samples = sound.channels[0];
  const auto count = static_cast<size_t>(seconds * sound.sample_rate);
  while (samples.size() < count) {
    const double frequency = 220 * std::pow(2, static_cast<double>(random() % 24) / 12);
    for (int i = 0; i < 2756 && samples.size() < count; ++i) {
      double value = 0;
      for (int harmonic = 1; harmonic < 5; ++harmonic) {
        value += std::sin(2 * M_PI * frequency * harmonic * i / 11025) / harmonic;
      }
      samples.push_back(static_cast<float>(0.2 * value * std::exp(-i / 3000.0)));
    }
  }
  return sound;
}

std::vector<uint32_t> Fingerprint(const Sound& sound) {
  const Json measured = *NewDuplicatesStage(Sounds(sound))->Measure(Clip(), {});
  std::vector<uint32_t> items = DecodeFingerprint(measured["fingerprint"].get<std::string>());
  EXPECT_EQ(items.size(), measured["fingerprint_items"].get<size_t>());
  return items;
}

TEST(Duplicates, AreFoundThoughTheyAreShiftedQuieterAndNoisy) {
  const Sound first = Melody(1, 40), other = Melody(2, 40);
  Sound copy = first;
  copy.channels[0].erase(copy.channels[0].begin(), copy.channels[0].begin() + 5 * 11025 + 317);
  std::mt19937 random(3);
  std::normal_distribution<float> noise(0, 0.003F);
  for (float& sample : copy.channels[0]) sample = 0.5F * sample + noise(random);
  const Sound silence{.sample_rate = 11025, .channels = {std::vector<float>(40 * 11025)}};
  EXPECT_THAT(FindDuplicates(std::vector<std::vector<uint32_t>>{Fingerprint(first),
                                                                Fingerprint(other),
                                                                Fingerprint(copy),
                                                                Fingerprint(silence),
                                                                Fingerprint(Melody(2, 30)),
                                                                Fingerprint(Melody(1, 6)),
                                                                {}}),
              ElementsAre(-1, -1, 0, -1, 1, -1, -1));
}

}  // namespace
}  // namespace vidmuse::curate
