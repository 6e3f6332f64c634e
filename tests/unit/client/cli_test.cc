// The `vidmuse` program from start to end, against a scripted server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "client/cli/flags.h"
#include "client/cli/tokens_file.h"
#include "tests/support/notification.h"
#include "tests/support/subprocess.h"
#include "tests/unit/client/fake_music_server.h"

namespace vidmuse {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr char kProgram[] = VIDMUSE_BIN_DIR "/vidmuse";

class CliTest : public testing::Test {
 protected:
  CliTest() {
    std::filesystem::create_directories(folder_);
    std::ofstream(video_) << std::string(300'000, 'v');
  }
  ~CliTest() override { std::filesystem::remove_all(folder_); }

  RunResult Generate(const FakeMusicServer& server, std::vector<std::string> more = {}) {
    return RunProgram(Arguments(server, std::move(more)));
  }
  std::vector<std::string> Arguments(const FakeMusicServer& server,
                                     std::vector<std::string> more) const {
    std::vector<std::string> args = {kProgram,         "generate", "--server",
                                     server.address(), "--video",  video_};
    if (std::find(more.begin(), more.end(), "--output") == more.end()) {
      more.insert(more.end(), {"--output", output_});
    }
    args.insert(args.end(), more.begin(), more.end());
    return args;
  }
  std::string Read(const std::string& path) const {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  // Names of the files in the test's folder.
  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  const std::string folder_ = testing::TempDir() + "/cli-" + std::to_string(getpid());
  const std::string video_ = folder_ + "/in.mp4";
  const std::string output_ = folder_ + "/out.wav";
  const std::string tokens_ = folder_ + "/out.tokens";
  FakeSong song_;
};

TEST_F(CliTest, WritesTheFileAndTheTokens) {
  FakeMusicServer server({Sing(song_)});
  const RunResult result =
      Generate(server, {"--tokens", tokens_, "--seed", "5", "--loudness", "none"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(Read(output_), song_.AllAudio());
  EXPECT_EQ(ReadTokensFile(tokens_).value(), song_.AllTokens());
  EXPECT_THAT(Files(), ElementsAre("in.mp4", "out.tokens", "out.wav"));
  EXPECT_EQ(result.output, "");
  // One line, and no progress where there is no terminal.
  EXPECT_THAT(result.error, HasSubstr("out.wav: 2.0 s of music in "));
  EXPECT_EQ(std::count(result.error.begin(), result.error.end(), '\n'), 1);
  const v1::GenerateMusicConfig config = server.configs().at(0);
  EXPECT_EQ(config.format(), v1::AUDIO_FORMAT_WAV);
  EXPECT_EQ(config.loudness(), v1::LOUDNESS_NONE);
  EXPECT_EQ(config.sampling().seed(), 5u);
}

TEST_F(CliTest, StandardOutput) {
  FakeMusicServer server({Sing(song_)});
  const RunResult result = Generate(server, {"--output", "-"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(result.output, song_.AllAudio());
  EXPECT_THAT(Files(), ElementsAre("in.mp4"));
}

TEST_F(CliTest, StandardInput) {
  std::string received;
  FakeMusicServer server({[&](FakeMusicServer::Call& call) {
    received = ReadVideo(call);
    song_.Send(call.stream, call.config.resume(), song_.frames);
    return grpc::Status::OK;
  }});
  const auto generate = [&](const std::string& source) {
    return RunProgram({"/bin/sh", "-c",
                       absl::StrCat(source, " | ", kProgram, " generate --server ",
                                    server.address(), " --video - --output ", output_)});
  };
  const RunResult result = generate("cat " + video_);
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(received, Read(video_));
  EXPECT_EQ(Read(output_), song_.AllAudio());
  const RunResult empty = generate("true");
  EXPECT_EQ(empty.exit_code, 1);
  EXPECT_THAT(empty.error, HasSubstr("the video has no bytes"));
  EXPECT_EQ(server.configs().size(), 1u);
}

TEST_F(CliTest, AFileStartsOverOnAServerThatRoundsDifferently) {
  song_.fingerprint = "A";
  FakeSong other = song_;
  other.fingerprint = "B";
  FakeMusicServer server(
      {SingChecked(song_, 40, {grpc::StatusCode::UNAVAILABLE, "broken"}), SingChecked(other)});
  const RunResult result = Generate(server, {"--tokens", tokens_});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(Read(output_), other.AllAudio());
  EXPECT_EQ(ReadTokensFile(tokens_).value(), other.AllTokens());
  EXPECT_THAT(result.error, HasSubstr("started over on a server of another kind"));
}

TEST_F(CliTest, WhatWasReadAlreadyIsSplicedAndSaysSo) {
  song_.fingerprint = "A";
  FakeSong other = song_;
  other.fingerprint = "B";
  FakeMusicServer server(
      {SingChecked(song_, 40, {grpc::StatusCode::UNAVAILABLE, "broken"}), SingChecked(other)});
  const RunResult result = Generate(server, {"--output", "-"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(result.output, song_.Audio(0, 38) + other.Audio(38, 100));
  EXPECT_THAT(result.error, HasSubstr("spliced at sample 24320"));
}

TEST_F(CliTest, ATerminalShowsTheStageAndTheQueue) {
  FakeMusicServer server({[&](FakeMusicServer::Call& call) {
    ReadVideo(call);
    v1::GenerateMusicResponse response;
    response.mutable_progress()->set_stage(v1::GENERATION_STAGE_QUEUE);
    response.mutable_progress()->set_queue_position(2);
    response.mutable_progress()->set_estimated_queue_seconds(12);
    call.stream->Write(response);
    song_.Send(call.stream, call.config.resume(), song_.frames);
    return grpc::Status::OK;
  }});
  std::string command;
  for (const std::string& arg : Arguments(server, {})) absl::StrAppend(&command, arg, " ");
  const RunResult result = RunProgram({"/usr/bin/script", "-qec", command, "/dev/null"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_THAT(result.output, HasSubstr("in the queue, place 2, about 12 s to wait"));
  EXPECT_THAT(result.output, HasSubstr("realtime"));
}

TEST_F(CliTest, AKeyNeedsTlsOrLeave) {
  const std::vector<std::string> args = {"/usr/bin/env", "VIDMUSE_API_KEY=k", kProgram,
                                         "models",       "--server",          "vidmuse.invalid:1"};
  const RunResult refused = RunProgram(args);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.error, HasSubstr("--allow_plaintext_api_key"));
  EXPECT_THAT(ParseCommandLine({"models", "--allow_plaintext_api_key"})->allow_plaintext_api_key,
              true);
}

TEST_F(CliTest, AFailedRunLeavesNoOutputButKeepsTokens) {
  FakeMusicServer server({Sing(song_, 50, {grpc::StatusCode::INTERNAL, "the model failed"})});
  const RunResult result = Generate(server, {"--tokens", tokens_});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error, HasSubstr("INTERNAL: the model failed"));
  EXPECT_THAT(result.error, HasSubstr("out.tokens.part --seed 7"));
  EXPECT_THAT(Files(), ElementsAre("in.mp4", "out.tokens.part"));
  EXPECT_EQ(ReadTokensFile(tokens_ + ".part").value(), song_.Tokens(0, 50));

  FakeMusicServer again({Sing(song_)});
  const RunResult resumed =
      Generate(again, {"--tokens", tokens_, "--resume", tokens_ + ".part", "--seed", "7"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.error;
  EXPECT_EQ(Read(output_), song_.AllAudio());
  EXPECT_EQ(ReadTokensFile(tokens_).value(), song_.AllTokens());
  EXPECT_EQ(again.configs().at(0).resume().tokens(), song_.Tokens(0, 50));
}

TEST_F(CliTest, AnEarlierFileSurvivesAFailedRun) {
  std::ofstream(output_) << "yesterday's";
  FakeMusicServer server({Sing(song_, 50, {grpc::StatusCode::INTERNAL, "no"})});
  EXPECT_EQ(Generate(server).exit_code, 1);
  EXPECT_EQ(Read(output_), "yesterday's");
}

TEST_F(CliTest, AFullDiskIsAnError) {
  FakeMusicServer server({Sing(song_)});
  const RunResult result = Generate(server, {"--output", "/dev/full"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error, HasSubstr("/dev/full: No space left on device"));
  const RunResult tokens = Generate(server, {"--tokens", "/dev/full"});
  EXPECT_EQ(tokens.exit_code, 1);
  EXPECT_THAT(tokens.error, HasSubstr("/dev/full: No space left on device"));
  EXPECT_THAT(Files(), ElementsAre("in.mp4"));
}

TEST_F(CliTest, ABadTokensFileIsNamed) {
  std::ofstream(tokens_) << "1 2 3 4\n1 2 3\n";
  FakeMusicServer server({Sing(song_)});
  const RunResult result = Generate(server, {"--resume", tokens_});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error, HasSubstr("out.tokens:2: expected 4 tokens, found 3"));
  EXPECT_EQ(server.configs().size(), 0u);
}

TEST_F(CliTest, ASignalCancels) {
  for (const int signal : {SIGINT, SIGTERM}) {
    Notification streaming;
    FakeMusicServer server({[&](FakeMusicServer::Call& call) {
      ReadVideo(call);
      song_.Send(call.stream, {}, 20);
      streaming.Notify();
      return WaitForEnd(call);
    }});
    auto process = Subprocess::Start(Arguments(server, {}));
    ASSERT_TRUE(process.ok());
    ASSERT_TRUE(streaming.WaitFor(absl::Seconds(30)));
    (*process)->Signal(signal);
    const absl::StatusOr<int> code = (*process)->Wait(absl::Seconds(30));
    ASSERT_TRUE(code.ok()) << code.status();
    EXPECT_EQ(*code, 130);
    EXPECT_THAT(Files(), ElementsAre("in.mp4"));
  }
}

TEST_F(CliTest, DeadlineEndsTheRun) {
  FakeMusicServer server({WaitForEnd});
  const RunResult result = Generate(server, {"--deadline", "0.3"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error, HasSubstr("DEADLINE_EXCEEDED"));
}

TEST_F(CliTest, AWrongCommandLineExitsWith2) {
  for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{
           {kProgram}, {kProgram, "generate", "--nope"}, {kProgram, "sing"}}) {
    const RunResult result = RunProgram(args);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.error, HasSubstr("--help"));
  }
}

TEST_F(CliTest, AMissingVideoIsNamed) {
  const RunResult result =
      RunProgram({kProgram, "generate", "--video", "/nonexistent.mp4", "--output", output_});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.error, HasSubstr("/nonexistent.mp4"));
}

TEST_F(CliTest, HelpIsPrinted) {
  const RunResult result = RunProgram({kProgram, "--help"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.output, HelpText());
}

TEST_F(CliTest, HealthAndModels) {
  FakeMusicServer server({Sing(song_)});
  const RunResult health = RunProgram({kProgram, "health", "--server", server.address()});
  EXPECT_EQ(health.exit_code, 0) << health.error;
  EXPECT_EQ(health.output, "SERVING\n");
  const RunResult models = RunProgram({kProgram, "models", "--server", server.address()});
  EXPECT_EQ(models.exit_code, 0) << models.error;
  EXPECT_THAT(models.output, HasSubstr("fake"));
  const RunResult down = RunProgram({kProgram, "health", "--server", "127.0.0.1:1"});
  EXPECT_EQ(down.exit_code, 1);
  EXPECT_THAT(down.error, HasSubstr("UNAVAILABLE"));
}

}  // namespace
}  // namespace vidmuse
