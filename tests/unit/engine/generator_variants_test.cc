// Several songs for one video, through the generator's threads.
#include <gtest/gtest.h>

#include <atomic>
#include <set>

#include "absl/status/status.h"
#include "tests/unit/engine/generator_fixture.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

class GeneratorVariantsTest : public GeneratorTest {
 protected:
  static GenerationRequest Variants(int count, LoudnessMode loudness = LoudnessMode::kNone) {
    GenerationRequest request = Request(loudness);
    request.variants = count;
    return request;
  }
  Notification begun_;

  // Each variant is what a request of its own with its seed gives.
  void ExpectAsAlone(const ReadSong& song, GenerationRequest request, const std::string& video) {
    ASSERT_TRUE(song.finished.ok()) << song.finished.status();
    const int count = std::exchange(request.variants, 1);
    ASSERT_EQ(song.started.seeds.size(), static_cast<size_t>(count));
    EXPECT_EQ(song.started.seeds[0], request.sampling.seed);
    ASSERT_EQ(song.finished->loudness_lufs.size(), static_cast<size_t>(count));
    for (int v = 0; v < count; ++v) {
      request.sampling.seed = song.started.seeds[v];
      const ReadSong alone = ReadAll(*Submit(request, video));
      ASSERT_TRUE(alone.finished.ok()) << alone.finished.status();
      EXPECT_EQ(BytesOf(song, v), alone.bytes) << "variant " << v;
      EXPECT_EQ(TokensOf(song, v), alone.tokens) << "variant " << v;
      EXPECT_EQ(song.finished->loudness_lufs[v], alone.finished->loudness_lufs[0]);
    }
  }
};

TEST_F(GeneratorVariantsTest, EachIsWhatItIsAlone) {
  Start();
  for (const LoudnessMode loudness :
       {LoudnessMode::kNone, LoudnessMode::kStreaming, LoudnessMode::kReference}) {
    for (const char* video : {"1 4", "31 4"}) {  // one window, and two
      GenerationRequest request = Variants(3, loudness);
      request.format = AudioFormat::kWav;
      const ReadSong song = ReadAll(*Submit(request, video));
      ExpectAsAlone(song, request, video);
      EXPECT_EQ(std::set(song.started.seeds.begin(), song.started.seeds.end()).size(), 3u);
      EXPECT_NE(TokensOf(song, 0), TokensOf(song, 1));
      EXPECT_NE(TokensOf(song, 1), TokensOf(song, 2));
    }
  }
}

TEST_F(GeneratorVariantsTest, TheirChunksAreInterleaved) {
  Start();
  const ReadSong song = ReadAll(*Submit(Variants(2), "20 4"));
  int64_t sent[2] = {};
  for (const AudioChunk& chunk : song.chunks) {
    EXPECT_EQ(chunk.first_sample, sent[chunk.variant]);
    sent[chunk.variant] += chunk.num_samples;
    EXPECT_LE(std::abs(sent[0] - sent[1]), 2 * 32000) << "more than a chunk apart";
  }
  EXPECT_EQ(sent[0], 20 * 32000);
  EXPECT_EQ(sent[1], 20 * 32000);
}

TEST_F(GeneratorVariantsTest, TheVideoIsDecodedOnce) {
  Start();
  std::atomic<int> decoded = 0;
  on_decode_ = [&] { ++decoded; };
  const ReadSong song = ReadAll(*Submit(Variants(4), "5 4"));
  ASSERT_TRUE(song.finished.ok()) << song.finished.status();
  EXPECT_EQ(decoded, 1);
}

TEST_F(GeneratorVariantsTest, AResumedSongGoesOnExactly) {
  Start();
  GenerationRequest request = Variants(2, LoudnessMode::kStreaming);
  request.format = AudioFormat::kMp3;
  const ReadSong whole = ReadAll(*Submit(request, "33 3"));
  ASSERT_TRUE(whole.finished.ok()) << whole.finished.status();
  ResumePoint point;
  point.variants.resize(2);
  size_t count = 0;
  for (const AudioChunk& chunk : whole.chunks) {
    ResumeVariant& variant = point.variants[chunk.variant];
    variant.received_bytes += chunk.data.size();
    variant.tokens.insert(variant.tokens.end(), chunk.tokens.begin(), chunk.tokens.end());
    if (++count % 5 != 0 && count + 2 < whole.chunks.size()) continue;
    request.resume = point;
    const ReadSong rest = ReadAll(*Submit(request, "33 3"));
    ASSERT_TRUE(rest.finished.ok()) << rest.finished.status();
    for (int v = 0; v < 2; ++v) {
      EXPECT_EQ(BytesOf(rest, v), BytesOf(whole, v).substr(point.variants[v].received_bytes));
      std::vector<uint16_t> joined = point.variants[v].tokens;
      const std::vector<uint16_t> more = TokensOf(rest, v);
      joined.insert(joined.end(), more.begin(), more.end());
      EXPECT_EQ(joined, TokensOf(whole, v)) << "variant " << v << " after " << count << " chunks";
    }
  }
}

TEST_F(GeneratorVariantsTest, OneMayBeFarAheadWhenTheyAreResumed) {
  Start();
  GenerationRequest request = Variants(3);
  const ReadSong whole = ReadAll(*Submit(request, "33 3"));
  const auto tokens = [&](int v, int frames) {
    const std::vector<uint16_t> all = TokensOf(whole, v);
    return std::vector<uint16_t>(all.begin(), all.begin() + int64_t{4} * frames);
  };
  ResumePoint point;  // all of one, nothing of one
  point.variants.push_back({tokens(0, 33 * 50), BytesOf(whole, 0).size()});
  point.variants.push_back({});
  point.variants.push_back({tokens(2, 1502), 1000});
  request.resume = point;
  const ReadSong rest = ReadAll(*Submit(request, "33 3"));
  ASSERT_TRUE(rest.finished.ok()) << rest.finished.status();
  EXPECT_EQ(BytesOf(rest, 0), "");
  EXPECT_EQ(BytesOf(rest, 1), BytesOf(whole, 1));
  EXPECT_EQ(BytesOf(rest, 2), BytesOf(whole, 2).substr(1000));
  EXPECT_EQ(TokensOf(rest, 0).size(), 0u);
  EXPECT_EQ(TokensOf(rest, 2).size(), TokensOf(whole, 2).size() - size_t{4} * 1502);
}

TEST_F(GeneratorVariantsTest, TooManyAreRefused) {
  GeneratorOptions options;
  options.limits.max_batch = 3;
  Start(options);
  for (const int count : {-1, 0, 9}) {
    const absl::Status status = generator_->Submit(Variants(count)).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  }
  const absl::Status status = generator_->Submit(Variants(4)).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  ASSERT_TRUE(LimitOf(status).has_value()) << status;
  EXPECT_EQ(LimitOf(status)->name, "max_batch");
  GenerationRequest request = Variants(2);
  request.resume = ResumeAt({});
  EXPECT_TRUE(absl::IsInvalidArgument(generator_->Submit(request).status()));
  ExpectAsAlone(ReadAll(*Submit(Variants(3), "2 4")), Variants(3), "2 4");
}

TEST_F(GeneratorVariantsTest, CancelFreesAllOfThem) {
  prepare_ = [this](FakeModel& model) {
    model.on_step = [this](absl::Span<StepRequest> batch) {
      if (batch.size() == 4) begun_.Notify();
      return absl::OkStatus();
    };
  };
  Start();
  auto stream = Submit(Variants(4), "600 4");
  ASSERT_TRUE(begun_.WaitFor(kSoon));
  stream = nullptr;
  EXPECT_TRUE(generator_->WaitUntilIdle(kSoon));
  EXPECT_EQ(model_->open_windows(), 0);
}

}  // namespace
}  // namespace vidmuse
