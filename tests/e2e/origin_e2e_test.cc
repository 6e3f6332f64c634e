// What files say of their music's origin, and that the mark is a part of the stream like any other.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/origin_mark.h"
#include "tests/e2e/harness.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {
namespace {

using testing::HasSubstr;

constexpr char kText[] = "Made with AI by \u201cExample & Co\u201d, https://example.com/ai.";
constexpr v1::AudioFormat kMarked[] = {v1::AUDIO_FORMAT_WAV, v1::AUDIO_FORMAT_FLAC,
                                       v1::AUDIO_FORMAT_MP3, v1::AUDIO_FORMAT_OGG_VORBIS};

struct Song {
  grpc::Status status;
  v1::GenerationStarted started;
  std::string audio = {};
  std::string tokens = {};
  // After each chunk: bytes of audio and of tokens so far.
  std::vector<std::pair<size_t, size_t>> ends = {};
};

class OriginE2eTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ours_ = Start(kText);
    others_ = Start("");
  }
  static void TearDownTestSuite() {
    ours_.reset();
    others_.reset();
  }
  void SetUp() override { ASSERT_TRUE(ours_ != nullptr && others_ != nullptr); }

  static std::unique_ptr<ServerProcess> Start(const std::string& text) {
    auto server = ServerProcess::Start({absl::StrCat("--origin_text=", text), "--model_name=m<1>"});
    EXPECT_TRUE(server.ok()) << server.status();
    return server.ok() ? *std::move(server) : nullptr;
  }

  static Song Sing(const ServerProcess& server, v1::GenerateMusicConfig config) {
    const auto stub = v1::MusicService::NewStub(
        grpc::CreateChannel(server.address(), grpc::InsecureChannelCredentials()));
    v1::GenerateMusicFromVideoRequest request;
    config.mutable_sampling()->set_seed(7);
    config.set_loudness(v1::LOUDNESS_NONE);
    config.set_return_tokens(true);
    *request.mutable_config() = std::move(config);
    request.set_video(ReadFile(GoldenVideo("pattern_4s")));
    grpc::ClientContext context;
    const auto call = stub->GenerateMusicFromVideo(&context, request);
    Song song;
    v1::GenerateMusicResponse response;
    while (call->Read(&response)) {
      if (response.has_started()) song.started = response.started();
      if (!response.has_chunk()) continue;
      song.audio += response.chunk().data();
      song.tokens += response.chunk().tokens();
      song.ends.emplace_back(song.audio.size(), song.tokens.size());
    }
    song.status = call->Finish();
    return song;
  }

  static std::string Tags(const std::string& path) {
    const RunResult result =
        RunProgram({"/usr/bin/env", "ffprobe", "-v", "error", "-of", "default=nw=1",
                    "-show_entries", "format_tags:stream_tags", path});
    EXPECT_EQ(result.exit_code, 0) << result.error;
    return result.output;
  }

  static std::unique_ptr<ServerProcess> ours_;
  static std::unique_ptr<ServerProcess> others_;  // has no text
};

std::unique_ptr<ServerProcess> OriginE2eTest::ours_;
std::unique_ptr<ServerProcess> OriginE2eTest::others_;

TEST_F(OriginE2eTest, EveryFileTellsItsOrigin) {
  const v1::GenerationStarted started = Sing(*ours_, {}).started;
  EXPECT_EQ(started.origin_text(), kText);
  EXPECT_THAT(started.server_version(), testing::MatchesRegex("[0-9]+[.][0-9]+[.][0-9]+"));
  const Origin origin = {
      .version = started.server_version(), .model = "m<1>", .seed = 7, .text = kText};
  for (const char* extension : {"wav", "flac", "mp3", "ogg", "mp4", "mov", "mkv"}) {
    const std::string path = TempFile(absl::StrCat("song.", extension));
    const RunResult made = Generate(*ours_, GoldenVideo("pattern_4s"), path, {"--seed", "7"});
    ASSERT_EQ(made.exit_code, 0) << made.error;
    const bool video = extension[0] == 'm' && std::string(extension) != "mp3";
    const std::string comment =
        OriginComment(origin, video ? MarkedFile::kVideo : MarkedFile::kAudio);
    EXPECT_TRUE(absl::StrContains(absl::AsciiStrToLower(Tags(path)),
                                  absl::AsciiStrToLower("comment=" + comment + "\n")))
        << extension << Tags(path);
  }
  EXPECT_EQ(ReadFile(TempFile("song.wav")).substr(36, kMarkedWavHeaderBytes - 36 - 8),
            OriginWavChunks(origin));
}

TEST_F(OriginE2eTest, EachVariantHasItsOwnSeed) {
  v1::GenerateMusicConfig config;
  config.set_variants(2);
  const v1::GenerationStarted started = Sing(*ours_, config).started;
  ASSERT_EQ(started.seeds_size(), 2);
  for (const char* extension : {"flac", "mp4"}) {
    const RunResult made =
        Generate(*ours_, GoldenVideo("pattern_4s"), TempFile(absl::StrCat("two.", extension)),
                 {"--seed", "7", "--variants", "2"});
    ASSERT_EQ(made.exit_code, 0) << made.error;
    for (int v = 0; v < 2; ++v) {
      EXPECT_THAT(Tags(TempFile(absl::StrCat("two-", v + 1, ".", extension))),
                  HasSubstr(absl::StrCat(", seed ", started.seeds(v), " (IPTC")));
    }
  }
}

TEST_F(OriginE2eTest, AMarkedSongStreamsAndResumesToTheSameBytes) {
  for (const v1::AudioFormat format : kMarked) {
    v1::GenerateMusicConfig config;
    config.set_format(format);
    const Song whole = Sing(*ours_, config);
    ASSERT_TRUE(whole.status.ok()) << whole.status.error_message();
    config.set_max_chunk_seconds(0.1);
    EXPECT_TRUE(Sing(*ours_, config).audio == whole.audio) << format;
    std::vector<std::pair<size_t, size_t>> cuts = {{1, 0}, {100, 0}, {5000, 0}};
    cuts.insert(cuts.end(), whole.ends.begin(), whole.ends.end());
    for (const auto& [bytes, tokens] : cuts) {
      config.mutable_resume()->set_fingerprint(whole.started.fingerprint());
      config.mutable_resume()->set_received_bytes(bytes);
      config.mutable_resume()->set_tokens(whole.tokens.substr(0, tokens));
      const Song rest = Sing(*ours_, config);
      ASSERT_TRUE(rest.status.ok()) << rest.status.error_message();
      EXPECT_TRUE(whole.audio.substr(0, bytes) + rest.audio == whole.audio)
          << format << " " << bytes;
    }
  }
}

TEST_F(OriginE2eTest, AServerWithOtherWordsDoesntGoOn) {
  v1::GenerateMusicConfig config;
  const Song whole = Sing(*ours_, config);
  ASSERT_TRUE(whole.status.ok()) << whole.status.error_message();
  const size_t bytes = kMarkedWavHeaderBytes + 1000;
  config.mutable_resume()->set_received_bytes(bytes);
  config.mutable_resume()->set_fingerprint(whole.started.fingerprint());
  const Song refused = Sing(*others_, config);
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(refused.audio, "");
  // Whoever answers for what follows finds the samples in the same place.
  config.mutable_resume()->clear_fingerprint();
  const Song spliced = Sing(*others_, config);
  ASSERT_TRUE(spliced.status.ok()) << spliced.status.error_message();
  EXPECT_NE(spliced.started.fingerprint(), whole.started.fingerprint());
  EXPECT_TRUE(spliced.audio == whole.audio.substr(bytes));
  config.clear_resume();
  EXPECT_FALSE(Sing(*others_, config).audio == whole.audio);
}

TEST(OriginTextE2eTest, WhatCantBeWrittenIsRefusedAtTheStart) {
  for (const std::string& text : {std::string("two\nlines"), std::string("\xff"),
                                  std::string(kMaxOriginTextBytes + 1, 'x')}) {
    const RunResult result = RunProgram(
        {VIDMUSE_BIN_DIR "/vidmuse_server", "--model_dir=/none", "--origin_text=" + text});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.error, HasSubstr("--origin_text: the origin text has"));
  }
}

}  // namespace
}  // namespace vidmuse
