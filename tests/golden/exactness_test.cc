// The promise that nothing but the request decides its bytes, with the real model at the golden
// size: alone, in company, joined at any time, resumed from any frame.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/generator/generator_impl.h"
#include "core/model/load_model.h"
#include "core/model/synthetic/hash_model.h"
#include "core/video/frame_sampler.h"
#include "tests/support/sanitized.h"
#include "tests/support/stream_reader.h"
#include "vidmuse/audio_format.h"
#include "vidmuse/request.h"

namespace vidmuse {
namespace {

constexpr absl::Duration kSoon = absl::Seconds(kPatience * 120);

std::string Video(const std::string& name) {
  std::ifstream file(std::string(VIDMUSE_TEST_DATA) + "/golden/videos/" + name + ".mp4",
                     std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

GenerationRequest Request(uint64_t seed) {
  GenerationRequest request;
  request.seed_is_set = true;
  request.sampling.seed = seed;
  request.format = AudioFormat::kPcmF32le;
  request.loudness = LoudnessMode::kNone;
  request.return_tokens = true;
  return request;
}

class ExactnessTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    HashModelSizes sizes;
    sizes.clip_width = 192;  // half of the time went into pictures, which aren't the point here
    auto model = LoadModelFromFiles(HashLmFile(sizes), HashCodecFile(sizes), {});
    ASSERT_TRUE(model.ok()) << model.status();
    GeneratorOptions options;
    options.limits.max_batch = 17;
    auto generator = NewGenerator(*std::move(model), OpeningComplete(OpenVideo), options,
                                  Clock::Real(), &metrics_);
    ASSERT_TRUE(generator.ok()) << generator.status();
    generator_ = generator->release();
  }
  static void TearDownTestSuite() {
    delete generator_;
    generator_ = nullptr;
  }

  static std::unique_ptr<MusicStream> Submit(const GenerationRequest& request,
                                             const std::string& video) {
    auto stream = generator_->Submit(request);
    EXPECT_TRUE(stream.ok()) << stream.status();
    EXPECT_TRUE((*stream)->AppendVideo(video).ok());
    EXPECT_TRUE((*stream)->FinishVideo().ok());
    return *std::move(stream);
  }
  static ReadSong Generate(const GenerationRequest& request, const std::string& video) {
    ReadSong song = ReadToEnd(*Submit(request, video), kSoon);
    EXPECT_TRUE(song.finished.ok()) << song.finished.status();
    return song;
  }

  // The song from frame `frames` on must be the rest of `whole`.
  static void ExpectResumes(const GenerationRequest& request, const std::string& video,
                            const ReadSong& whole, size_t frames) {
    GenerationRequest resumed = request;
    resumed.resume = ResumeAt({whole.tokens.begin(), whole.tokens.begin() + frames * 4});
    const ReadSong rest = Generate(resumed, video);
    const std::vector<uint16_t> expected(whole.tokens.begin() + frames * 4, whole.tokens.end());
    ASSERT_EQ(rest.tokens, expected) << "from frame " << frames;
    ASSERT_TRUE(rest.bytes == whole.bytes) << "from frame " << frames;
  }

  static NullMetricsSink metrics_;
  static Generator* generator_;
};

NullMetricsSink ExactnessTest::metrics_;
Generator* ExactnessTest::generator_ = nullptr;

TEST_F(ExactnessTest, CompanyChangesNothing) {
  const std::string video = Video("life_7s");
  const std::string other = Video("pattern_4s");
  const ReadSong alone = Generate(Request(1), video);
  std::mt19937 random(1);
  for (int round = 0; round < 4; ++round) {
    std::vector<std::unique_ptr<MusicStream>> company;
    for (uint64_t i = 0; i < 16; ++i) {
      company.push_back(Submit(Request(100 + i), i % 3 == 0 ? video : other));
    }
    // It joins when one of the others is anywhere in its song.
    for (uint32_t i = random() % 6; i > 0; --i) {
      ASSERT_TRUE(ReadEvent(*company[random() % 16], kSoon).ok());
    }
    const ReadSong song = Generate(Request(1), video);
    EXPECT_EQ(song.tokens, alone.tokens);
    EXPECT_TRUE(song.bytes == alone.bytes);
  }
}

TEST_F(ExactnessTest, ResumesFromEveryFrameOfAShortVideo) {
  const std::string video = Video("pattern_4s");
  const ReadSong whole = Generate(Request(2), video);
  // A sanitizer sees no more in all of them than in some, and takes ten times as long.
  for (size_t frames = 0; frames <= 200; frames += kSanitized ? 10 : 1) {
    ASSERT_NO_FATAL_FAILURE(ExpectResumes(Request(2), video, whole, frames));
  }
}

TEST_F(ExactnessTest, ResumesFromRandomFramesOfALongVideo) {
  const std::string video = Video("zoom_63s");
  const ReadSong whole = Generate(Request(3), video);
  std::mt19937 random(3);
  // Both sides of where windows change, and anywhere.
  std::vector<size_t> points = {1474, 1475, 1499, 1500, 1501, 2974, 2975, 3149};
  for (int i = 0; i < 4; ++i) points.push_back(random() % 3150);
  for (const size_t frames : points) {
    ASSERT_NO_FATAL_FAILURE(ExpectResumes(Request(3), video, whole, frames));
  }
}

}  // namespace
}  // namespace vidmuse
