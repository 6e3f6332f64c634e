// Tests the audio that users get: its formats, lengths, chunks and seeds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/origin_mark.h"
#include "tests/e2e/harness.h"

namespace vidmuse {
namespace {

using testing::HasSubstr;

class AudioE2eTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto server = ServerProcess::Start();
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = std::move(*server);
  }
  static void TearDownTestSuite() {
    if (server_ != nullptr) {
      EXPECT_EQ(server_->Stop(), absl::OkStatus());
    }
    server_.reset();
  }
  void SetUp() override { ASSERT_TRUE(server_ != nullptr); }

  // Runs the client with `flags` and returns the file that it wrote.
  std::string Make(const std::string& name, const std::vector<std::string>& flags,
                   const std::string& video = "pattern_4s") {
    const std::string output = TempFile(name);
    const RunResult result = Generate(*server_, GoldenVideo(video), output, flags);
    EXPECT_EQ(result.exit_code, 0) << result.error;
    return ReadFile(output);
  }

  static std::unique_ptr<ServerProcess> server_;
};

std::unique_ptr<ServerProcess> AudioE2eTest::server_;

uint32_t LittleEndian32(const std::string& bytes, size_t at) {
  uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

TEST_F(AudioE2eTest, AWavFileIsAsLongAsTheVideo) {
  const std::string wav = Make("a.wav", {"--greedy"});
  ASSERT_GT(wav.size(), kMarkedWavHeaderBytes);
  EXPECT_EQ(wav.substr(0, 4), "RIFF");
  EXPECT_EQ(wav.substr(8, 4), "WAVE");
  EXPECT_EQ(LittleEndian32(wav, 4), wav.size() - 8);
  const size_t data = kMarkedWavHeaderBytes - 8;
  EXPECT_EQ(wav.substr(data, 4), "data");
  EXPECT_EQ(LittleEndian32(wav, data + 4), 4u * 32000 * 2);
  EXPECT_EQ(wav.size(), data + 8 + 4 * 32000 * 2);
}

TEST_F(AudioE2eTest, PiecesJoinToWhatOnePieceHolds) {
  for (const char* loudness : {"none", "streaming", "reference"}) {
    const std::vector<std::string> flags = {"--greedy", "--loudness", loudness,
                                            "--format", "pcm_s16le",  "--chunk"};
    std::vector<std::string> small = flags;
    small.push_back("0.02");
    std::vector<std::string> large = flags;
    large.push_back("30");
    const std::string pieces = Make("pieces.raw", small);
    EXPECT_EQ(pieces.size(), 4u * 32000 * 2);
    EXPECT_TRUE(pieces == Make("whole.raw", large)) << loudness;
  }
  // Encoders that gather samples give no bytes for most pieces of one frame. The seed is in the
  // file's mark of origin.
  for (const char* format : {"flac", "mp3", "ogg"}) {
    const std::vector<std::string> flags = {"--greedy", "--seed", "1", "--format", format,
                                            "--chunk"};
    std::vector<std::string> small = flags;
    small.push_back("0.02");
    std::vector<std::string> large = flags;
    large.push_back("30");
    EXPECT_TRUE(Make("pieces", small) == Make("whole", large)) << format;
  }
}

TEST_F(AudioE2eTest, EveryFormatDecodesToTheSongsLength) {
  for (const char* name : {"a.wav", "a.flac", "a.mp3", "a.ogg"}) {
    Make(name, {"--greedy", "--loudness", "streaming"});
    const RunResult probe = RunProgram({"/usr/bin/ffprobe", "-v", "error", "-show_entries",
                                        "stream=sample_rate,channels,duration", "-of",
                                        "default=noprint_wrappers=1", TempFile(name)});
    EXPECT_EQ(probe.exit_code, 0) << probe.error;
    EXPECT_EQ(probe.error, "") << name;
    EXPECT_THAT(probe.output, HasSubstr("sample_rate=32000"));
    EXPECT_THAT(probe.output, HasSubstr("channels=1"));
    const size_t at = probe.output.find("duration=");
    ASSERT_NE(at, std::string::npos);
    double seconds = 0;
    std::string text = probe.output.substr(at + 9);
    ASSERT_TRUE(absl::SimpleAtod(text.substr(0, text.find('\n')), &seconds)) << text;
    EXPECT_NEAR(seconds, 4, 0.1) << name;
  }
}

TEST_F(AudioE2eTest, AVideoGetsItsMusic) {
  Make("a.mp4", {"--seed", "7", "--loudness", "none"});
  Make("a.f32", {"--seed", "7", "--loudness", "none", "--format", "pcm_f32le"});
  const auto ffmpeg = [](std::vector<std::string> args) {
    args.insert(args.begin(), {"/usr/bin/env", "ffmpeg", "-nostdin", "-loglevel", "error", "-i"});
    const RunResult result = RunProgram(args);
    EXPECT_EQ(result.exit_code, 0) << result.error;
    return result.output;
  };
  const auto packets = [&](const std::string& path) {
    return ffmpeg({path, "-map", "0:v", "-c", "copy", "-f", "hash", "-"});
  };
  EXPECT_EQ(packets(TempFile("a.mp4")), packets(GoldenVideo("pattern_4s")));
  const std::vector<float> heard =
      Floats(ffmpeg({TempFile("a.mp4"), "-map", "0:a", "-f", "f32le", "-"}));
  const std::vector<float> made = Floats(ReadFile(TempFile("a.f32")));
  ASSERT_GE(heard.size(), made.size());
  double difference = 0, energy = 0;
  for (size_t i = 0; i < made.size(); ++i) {
    difference += (heard[i] - made[i]) * (heard[i] - made[i]);
    energy += made[i] * made[i];
  }
  EXPECT_LT(difference, 0.2 * energy);  // AAC's own loss, and nothing is shifted
}

TEST_F(AudioE2eTest, LoadIsMeasured) {
  for (const std::vector<std::string>& load :
       {std::vector<std::string>{"--concurrency", "2"}, {"--rate", "3"}}) {
    std::vector<std::string> args = {std::string(VIDMUSE_BIN_DIR) + "/vidmuse",
                                     "load",
                                     "--server",
                                     server_->address(),
                                     "--video",
                                     GoldenVideo("pattern_4s"),
                                     "--seconds",
                                     "2",
                                     "--loudness",
                                     "streaming",
                                     "--json",
                                     "-"};
    args.insert(args.end(), load.begin(), load.end());
    const RunResult result = RunProgram(args);
    ASSERT_EQ(result.exit_code, 0) << result.error;
    const auto json = nlohmann::json::parse(result.output);
    EXPECT_GE(json["requests"], 1);
    EXPECT_EQ(json["codes"]["OK"], json["requests"]);
    EXPECT_GT(json["realtime_factor"], 0);
    for (const char* times :
         {"time_to_first_audio_seconds", "inter_chunk_seconds", "request_seconds"}) {
      EXPECT_GT(json[times]["p50"], 0) << times;
      EXPECT_LE(json[times]["p50"], json[times]["max"]) << times;
    }
    EXPECT_THAT(result.error, HasSubstr("songs whole, 0 failed, 0 running"));
  }
}

TEST_F(AudioE2eTest, DurationShortensTheSong) {
  EXPECT_EQ(Make("short.raw", {"--greedy", "--format", "pcm_s16le", "--duration", "2"}).size(),
            2u * 32000 * 2);
}

TEST_F(AudioE2eTest, OnePixelIsAVideo) {
  const std::string output = TempFile("pixel.wav");
  const RunResult result = Generate(*server_, DataPath("e2e/one_pixel_3s.mkv"), output, {});
  EXPECT_EQ(result.exit_code, 0) << result.error;
  EXPECT_THAT(result.error, HasSubstr("3.0 s of music"));
}

TEST_F(AudioE2eTest, ASeedGivesTheSameTokensInAnyCompany) {
  const std::string alone = TempFile("alone.tokens");
  Make("alone.wav", {"--seed", "42", "--tokens", alone});
  std::vector<std::thread> company;
  for (int i = 0; i < 3; ++i) {
    company.emplace_back([this, i] {
      Make(absl::StrCat("company", i, ".wav"), {"--seed", absl::StrCat(i)}, "life_7s");
    });
  }
  const std::string together = TempFile("together.tokens");
  Make("together.wav", {"--seed", "42", "--tokens", together});
  for (std::thread& thread : company) thread.join();
  EXPECT_EQ(ReadFile(alone), ReadFile(together));
  const std::string other = TempFile("other.tokens");
  Make("other.wav", {"--seed", "43", "--tokens", other});
  EXPECT_NE(ReadFile(alone), ReadFile(other));
}

TEST_F(AudioE2eTest, AResumedRunEndsAsTheWholeOneDid) {
  const std::string whole_tokens = TempFile("whole.tokens");
  const std::vector<std::string> flags = {"--seed", "9", "--loudness", "none", "--tokens"};
  std::vector<std::string> first = flags;
  first.push_back(whole_tokens);
  const std::string whole = Make("whole.wav", first);

  // Resumes from the first 77 frames, one line each.
  const std::string text = ReadFile(whole_tokens);
  size_t end = 0;
  for (int line = 0; line < 77; ++line) end = text.find('\n', end) + 1;
  const std::string part = TempFile("part.tokens");
  FILE* file = fopen(part.c_str(), "w");
  ASSERT_NE(file, nullptr);
  fwrite(text.data(), 1, end, file);
  fclose(file);

  const std::string resumed_tokens = TempFile("resumed.tokens");
  std::vector<std::string> second = flags;
  second.insert(second.end(), {resumed_tokens, "--resume", part});
  const std::string resumed = Make("resumed.wav", second);
  EXPECT_TRUE(whole == resumed);
  EXPECT_EQ(ReadFile(whole_tokens), ReadFile(resumed_tokens));
}

}  // namespace
}  // namespace vidmuse
