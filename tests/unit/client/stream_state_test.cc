#include "client/stream_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "tests/unit/client/fake_music_server.h"

namespace vidmuse {
namespace {

using testing::HasSubstr;

class StreamStateTest : public testing::Test {
 protected:
  StreamStateTest() { state_.BeginAttempt(); }

  void Start() { ASSERT_EQ(state_.OnStarted(song_.Started().started()), absl::OkStatus()); }
  void Take(uint64_t begin, uint64_t end) {
    ASSERT_EQ(state_.OnChunk(song_.Chunk(begin, end).chunk()), absl::OkStatus());
  }
  absl::Status Finish() { return state_.OnFinished(song_.Finished().finished()); }

  FakeSong song_;
  StreamState state_{v1::ResumeFrom()};
};

void ExpectDataLoss(const absl::Status& status, const char* message) {
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr(message));
}

TEST_F(StreamStateTest, AWholeSong) {
  Start();
  Take(0, 50);
  Take(50, 100);
  EXPECT_EQ(Finish(), absl::OkStatus());
  EXPECT_TRUE(state_.finished());
}

TEST_F(StreamStateTest, MessagesOutOfOrder) {
  ExpectDataLoss(state_.OnChunk(song_.Chunk(0, 10).chunk()), "before `started`");
  ExpectDataLoss(Finish(), "before `started`");
  Start();
  ExpectDataLoss(state_.OnStarted(song_.Started().started()), "twice");
  Take(0, 100);
  ASSERT_EQ(Finish(), absl::OkStatus());
  ExpectDataLoss(Finish(), "twice");
  ExpectDataLoss(state_.OnChunk(song_.Chunk(0, 10).chunk()), "after `finished`");
}

TEST_F(StreamStateTest, GapsInSamplesAndFrames) {
  Start();
  Take(0, 10);
  v1::AudioChunk chunk = song_.Chunk(10, 20).chunk();
  chunk.set_first_sample(chunk.first_sample() + 1);
  ExpectDataLoss(state_.OnChunk(chunk), "sample 5121, expected 5120");
  chunk.set_first_sample(chunk.first_sample() - 2);
  chunk.clear_tokens();
  ExpectDataLoss(state_.OnChunk(chunk), "sample 5119, expected 5120");
  ExpectDataLoss(state_.OnChunk(song_.Chunk(30, 40).chunk()), "frame 30, expected 20");
}

TEST_F(StreamStateTest, MoreThanTheSong) {
  Start();
  Take(0, 100);
  v1::AudioChunk chunk;
  chunk.set_first_sample(64000);
  chunk.set_num_samples(1);
  ExpectDataLoss(state_.OnChunk(chunk), "pass the song's 64000");
  chunk = v1::AudioChunk();
  chunk.set_first_frame(100);
  chunk.set_tokens(std::string(8, '\1'));
  ExpectDataLoss(state_.OnChunk(chunk), "pass the song's 100");
  chunk.set_tokens("seven b");
  ExpectDataLoss(state_.OnChunk(chunk), "not whole frames");
}

TEST_F(StreamStateTest, AnIncompleteSong) {
  Start();
  Take(0, 50);
  ExpectDataLoss(Finish(), "30720 samples");
}

TEST_F(StreamStateTest, MissingTokens) {
  Start();
  v1::AudioChunk chunk = song_.Chunk(0, 100).chunk();
  chunk.clear_tokens();
  ASSERT_EQ(state_.OnChunk(chunk), absl::OkStatus());
  ExpectDataLoss(Finish(), "tokens of 0 frames, not 100");
}

TEST_F(StreamStateTest, MissingBytes) {
  Start();
  v1::AudioChunk chunk = song_.Chunk(0, 100).chunk();
  chunk.mutable_data()->pop_back();
  ASSERT_EQ(state_.OnChunk(chunk), absl::OkStatus());
  ExpectDataLoss(Finish(), "127999 bytes");
}

TEST_F(StreamStateTest, FinishedDisagreesWithStarted) {
  Start();
  Take(0, 100);
  v1::GenerationFinished finished = song_.Finished().finished();
  finished.set_total_samples(1);
  ExpectDataLoss(state_.OnFinished(finished), "`finished` says 1");
}

TEST_F(StreamStateTest, ResumeCarriesSeedTokensAndBytes) {
  v1::GenerateMusicConfig config;
  state_.FillConfig(ResumeMode::kExact, &config);
  EXPECT_FALSE(config.has_resume());
  EXPECT_FALSE(config.sampling().has_seed());
  Start();
  Take(0, 10);
  state_.FillConfig(ResumeMode::kExact, &config);
  EXPECT_EQ(config.sampling().seed(), song_.seed);
  EXPECT_EQ(config.resume().tokens(), song_.Tokens(0, 10));
  EXPECT_EQ(config.resume().received_bytes(), song_.Audio(0, 8).size());
}

TEST_F(StreamStateTest, ResumeCarriesTheFingerprintAndTheSamplingInForce) {
  song_.fingerprint = "A";
  song_.sampling.set_top_k(50);
  song_.sampling.set_cfg_coef(2);
  Start();
  Take(0, 10);
  v1::GenerateMusicConfig config;
  config.mutable_sampling()->set_top_k(50);
  state_.FillConfig(ResumeMode::kExact, &config);
  EXPECT_EQ(config.resume().fingerprint(), "A");
  EXPECT_EQ(config.sampling().cfg_coef(), 2);
  EXPECT_EQ(config.sampling().seed(), song_.seed);
  state_.FillConfig(ResumeMode::kSplice, &config);
  EXPECT_EQ(config.resume().fingerprint(), "");
  EXPECT_EQ(config.resume().tokens(), song_.Tokens(0, 10));
  state_.FillConfig(ResumeMode::kRestart, &config);
  EXPECT_FALSE(config.has_resume());
  EXPECT_EQ(config.sampling().cfg_coef(), 2);
  state_.Restart();
  state_.FillConfig(ResumeMode::kExact, &config);
  EXPECT_FALSE(config.has_resume());
  EXPECT_EQ(config.sampling().seed(), song_.seed);
}

TEST_F(StreamStateTest, OtherSamplingOnResume) {
  song_.sampling.set_top_k(50);
  Start();
  Take(0, 10);
  state_.BeginAttempt();
  song_.sampling.set_top_k(60);
  ExpectDataLoss(state_.OnStarted(song_.Started().started()), "another sampling");
}

TEST_F(StreamStateTest, SplicesOnlyAtASamplesBoundary) {
  EXPECT_TRUE(state_.CanSplice());
  Start();
  Take(0, 10);
  EXPECT_TRUE(state_.CanSplice());
  EXPECT_EQ(state_.received_samples(), 8 * 640u);
  v1::AudioChunk chunk;
  chunk.set_data("x");
  ASSERT_EQ(state_.OnChunk(chunk), absl::OkStatus());
  EXPECT_FALSE(state_.CanSplice());
}

TEST(StreamStateSpliceTest, WavHasAHeaderAndPacketsHaveNoSamples) {
  FakeSong song;
  v1::AudioChunk chunk;
  for (const auto& [format, bytes, can_splice] :
       std::vector<std::tuple<v1::AudioFormat, std::string, bool>>{
           {v1::AUDIO_FORMAT_WAV, "RIFF....WAVEdata", false},
           {v1::AUDIO_FORMAT_WAV, "RIFF....WAVEdata....", true},
           {v1::AUDIO_FORMAT_WAV, "RIFF....WAVEdata....1", false},
           {v1::AUDIO_FORMAT_WAV, "RIFF....WAVEdata....12", true},
           {v1::AUDIO_FORMAT_PCM_F32LE, "12", false},
           {v1::AUDIO_FORMAT_PCM_F32LE, "1234", true},
           {v1::AUDIO_FORMAT_FLAC, "1234", false}}) {
    song.format = format;
    StreamState state{v1::ResumeFrom()};
    state.BeginAttempt();
    ASSERT_EQ(state.OnStarted(song.Started().started()), absl::OkStatus());
    chunk.set_data(bytes);
    ASSERT_EQ(state.OnChunk(chunk), absl::OkStatus());
    EXPECT_EQ(state.CanSplice(), can_splice) << format << " " << bytes;
  }
}

TEST_F(StreamStateTest, TokensSentAgainMustBeTheSame) {
  Start();
  Take(0, 10);
  state_.BeginAttempt();
  Start();
  v1::AudioChunk chunk = song_.Chunk(5, 20).chunk();
  chunk.clear_data();
  EXPECT_EQ(state_.OnChunk(chunk), absl::OkStatus());
  v1::GenerateMusicConfig config;
  state_.FillConfig(ResumeMode::kExact, &config);
  EXPECT_EQ(config.resume().tokens(), song_.Tokens(0, 20));
  chunk = song_.Chunk(15, 20).chunk();
  (*chunk.mutable_tokens())[3] ^= 1;
  ExpectDataLoss(state_.OnChunk(chunk), "frame 15 on differ");
}

TEST_F(StreamStateTest, AnotherModelOrSeedOnResume) {
  Start();
  for (const auto& change : std::vector<std::function<void(v1::GenerationStarted*)>>{
           [](v1::GenerationStarted* started) { started->set_model("other"); },
           [](v1::GenerationStarted* started) { started->set_seed(8); },
           [](v1::GenerationStarted* started) { started->set_sample_rate(16000); },
           [](v1::GenerationStarted* started) { started->set_format(v1::AUDIO_FORMAT_MP3); },
           [](v1::GenerationStarted* started) { started->set_total_frames(99); }}) {
    state_.BeginAttempt();
    v1::GenerationStarted started = song_.Started().started();
    change(&started);
    ExpectDataLoss(state_.OnStarted(started), "the resumed stream has another");
  }
}

TEST(StreamStateResumeTest, TokensThatDontFitTheSong) {
  for (const size_t size : {7, 808}) {
    v1::ResumeFrom given;
    given.set_tokens(std::string(size, '\0'));
    StreamState state(given);
    state.BeginAttempt();
    EXPECT_TRUE(absl::IsInvalidArgument(state.OnStarted(FakeSong().Started().started())));
  }
}

}  // namespace
}  // namespace vidmuse
