// A server is killed while it makes a song, and the other servers round differently.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "client/music_client.h"
#include "core/base/origin_mark.h"
#include "tests/e2e/harness.h"

namespace vidmuse {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

constexpr char kClient[] = VIDMUSE_BIN_DIR "/vidmuse";
constexpr double kSeconds = 20;

// The outcome of one call.
struct Song {
  absl::Status status;
  std::string audio = {};
  std::string tokens = {};  // packed, from frame 0 on
  std::vector<Splice> splices = {};
  int restarts = 0;
};

struct Wanted {
  v1::AudioFormat format = v1::AUDIO_FORMAT_PCM_F32LE;
  bool can_restart = false;
  std::string resume_tokens = {};
  std::function<void()> after_first_audio = nullptr;
};

Song Sing(const std::vector<std::string>& addresses, const Wanted& wanted) {
  Song song = {};
  auto client = MusicClient::Create({.addresses = addresses});
  if (!client.ok()) return {.status = client.status()};
  GenerateOptions options;
  options.config.mutable_sampling()->set_seed(1);
  options.config.set_loudness(v1::LOUDNESS_NONE);
  options.config.set_format(wanted.format);
  options.config.set_max_chunk_seconds(0.2);
  options.config.set_max_duration_seconds(kSeconds);
  options.config.mutable_resume()->set_tokens(wanted.resume_tokens);
  options.deadline = kPatience * absl::Minutes(3);
  GenerateSink sink;
  sink.chunk = [&](const v1::AudioChunk& chunk) {
    const bool first = song.audio.empty() && !chunk.data().empty() && song.restarts == 0;
    song.audio += chunk.data();
    song.tokens += chunk.tokens();
    if (first && wanted.after_first_audio) wanted.after_first_audio();
    return absl::OkStatus();
  };
  if (wanted.can_restart) {
    sink.restart = [&] {
      ++song.restarts;
      song.audio.clear();
      song.tokens.clear();
      return absl::OkStatus();
    };
  }
  sink.spliced = [&](const Splice& splice) { song.splices.push_back(splice); };
  const auto video = VideoSource::OpenFile(GoldenVideo("zoom_63s"));
  if (!video.ok()) return {.status = video.status()};
  song.status = (*client)->Generate(options, **video, sink);
  return song;
}

class FingerprintE2eTest : public ::testing::Test {
 protected:
  static constexpr char kBase[] = "VIDMUSE_CPU_KERNELS=base";

  void SetUp() override {
    first_ = Start({kBase});
    other_ = Start({});
    ASSERT_TRUE(first_ != nullptr && other_ != nullptr);
    if (Fingerprint(*first_) == Fingerprint(*other_)) {
      GTEST_SKIP() << "this machine has no other kernels than the base ones";
    }
  }

  static std::unique_ptr<ServerProcess> Start(const std::vector<std::string>& environment) {
    auto server = ServerProcess::Start({}, environment);
    EXPECT_TRUE(server.ok()) << server.status();
    return server.ok() ? *std::move(server) : nullptr;
  }
  static std::string Fingerprint(const ServerProcess& server) {
    const auto client = MusicClient::Create({.addresses = {server.address()}});
    const auto info = (*client)->GetModelInfo(kPatience * absl::Seconds(30));
    EXPECT_TRUE(info.ok()) << info.status();
    return info.ok() ? info->fingerprint() : "";
  }
  std::function<void()> KillTheFirst() {
    return [this] { first_ = nullptr; };
  }
  std::vector<std::string> Addresses() const { return {first_->address(), other_->address()}; }

  std::unique_ptr<ServerProcess> first_;  // runs the base kernels
  std::unique_ptr<ServerProcess> other_;
};

TEST_F(FingerprintE2eTest, SamplesAreSplicedExactlyAndSaySo) {
  for (const v1::AudioFormat format : {v1::AUDIO_FORMAT_PCM_F32LE, v1::AUDIO_FORMAT_WAV}) {
    if (first_ == nullptr) first_ = Start({kBase});
    const Song begun = Sing({first_->address()}, {.format = format});
    ASSERT_EQ(begun.status, absl::OkStatus());
    const Song song = Sing(Addresses(), {.format = format, .after_first_audio = KillTheFirst()});
    ASSERT_EQ(song.status, absl::OkStatus());
    ASSERT_EQ(first_, nullptr);
    ASSERT_THAT(song.splices, SizeIs(1));
    const Splice& splice = song.splices[0];
    EXPECT_EQ(splice.second_fingerprint, Fingerprint(*other_));
    const bool is_wav = format == v1::AUDIO_FORMAT_WAV;
    const size_t bytes =
        is_wav ? kMarkedWavHeaderBytes + 2 * splice.first_sample : 4 * splice.first_sample;
    EXPECT_TRUE(song.audio.compare(0, bytes, begun.audio, 0, bytes) == 0);
    // The rest must be what the other server makes from the first one's tokens.
    const Song rest =
        Sing({other_->address()},
             {.format = format, .resume_tokens = begun.tokens.substr(0, 8 * splice.first_frame)});
    ASSERT_EQ(rest.status, absl::OkStatus());
    EXPECT_EQ(song.audio.size(), rest.audio.size());
    EXPECT_TRUE(song.audio.substr(bytes) == rest.audio.substr(bytes));
  }
}

TEST_F(FingerprintE2eTest, WhatCanStartOverIsOneServersSong) {
  const Song expected = Sing({other_->address()}, {.format = v1::AUDIO_FORMAT_FLAC});
  ASSERT_EQ(expected.status, absl::OkStatus());
  const Song song = Sing(
      Addresses(),
      {.format = v1::AUDIO_FORMAT_FLAC, .can_restart = true, .after_first_audio = KillTheFirst()});
  ASSERT_EQ(song.status, absl::OkStatus());
  EXPECT_EQ(song.restarts, 1);
  EXPECT_THAT(song.splices, SizeIs(0));
  EXPECT_TRUE(song.audio == expected.audio);
  EXPECT_TRUE(song.tokens == expected.tokens);
}

TEST_F(FingerprintE2eTest, PacketsThatCantStartOverAreNotMixed) {
  const Song song =
      Sing(Addresses(), {.format = v1::AUDIO_FORMAT_FLAC, .after_first_audio = KillTheFirst()});
  EXPECT_TRUE(absl::IsFailedPrecondition(song.status)) << song.status;
  EXPECT_THAT(song.status.message(), HasSubstr("the song has to start over"));
}

TEST_F(FingerprintE2eTest, AThirdServerWithTheSameOneIsPreferred) {
  const auto third = Start({kBase});
  ASSERT_NE(third, nullptr);
  std::vector<std::string> addresses = Addresses();
  addresses.push_back(third->address());
  for (const v1::AudioFormat format : {v1::AUDIO_FORMAT_FLAC, v1::AUDIO_FORMAT_PCM_F32LE}) {
    if (first_ == nullptr) first_ = Start({kBase});
    addresses[0] = first_->address();
    const Song expected = Sing({third->address()}, {.format = format});
    ASSERT_EQ(expected.status, absl::OkStatus());
    const Song song = Sing(addresses, {.format = format, .after_first_audio = KillTheFirst()});
    ASSERT_EQ(song.status, absl::OkStatus());
    EXPECT_EQ(first_, nullptr);
    EXPECT_THAT(song.splices, SizeIs(0));
    EXPECT_TRUE(song.audio == expected.audio);
  }
}

TEST_F(FingerprintE2eTest, TheToolsFileIsOneServersSong) {
  const auto generate = [](const std::string& servers, const std::string& output) {
    return RunProgram(
        {kClient, "generate", "--server", servers, "--video", GoldenVideo("zoom_63s"), "--output",
         output, "--seed", "1", "--duration", "20", "--loudness", "none", "--chunk", "0.2"},
        kPatience * absl::Minutes(3));
  };
  const std::string servers = first_->address() + "," + other_->address();
  const std::string output = TempFile("moved.flac");
  auto moved = std::async(std::launch::async, generate, servers, output);
  ASSERT_EQ(first_->WaitForMetric("vidmuse_requests_running", "", 1), absl::OkStatus());
  // Waits until the client has written some audio.
  const absl::Time deadline = absl::Now() + kPatience * absl::Seconds(60);
  while (ReadFile(output + ".part").empty() && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  first_ = nullptr;
  const RunResult result = moved.get();
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_THAT(result.error, HasSubstr("started over"));
  const std::string expected = TempFile("expected.flac");
  const RunResult undisturbed = generate(other_->address(), expected);
  ASSERT_EQ(undisturbed.exit_code, 0) << undisturbed.error;
  EXPECT_TRUE(ReadFile(output) == ReadFile(expected));
}

}  // namespace
}  // namespace vidmuse
