// The pieces of the command-line tool: flags, files, progress, what counts as a broken connection.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "client/cli/flags.h"
#include "client/cli/output_file.h"
#include "client/cli/progress.h"
#include "client/cli/tokens_file.h"
#include "client/retry_policy.h"
#include "tests/support/flag_walk.h"
#include "tests/unit/client/fake_music_server.h"

namespace vidmuse {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string TempPath(const std::string& name) {
  return testing::TempDir() + "/" + std::to_string(getpid()) + "-" + name;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

TEST(Flags, EachFlagSetsOneFieldAndIsInTheHelp) {
  for (const Command command : {Command::kGenerate, Command::kModels, Command::kHealth}) {
    CheckEachFlag(FlagsOf(command), HelpText());
  }
}

TEST(Flags, EveryFlagOfGenerate) {
  const auto options = ParseCommandLine({"generate",
                                         "--server",
                                         "a:1,dns:///b:2",
                                         "--video",
                                         "in.mp4",
                                         "--output=out.mp3",
                                         "--greedy",
                                         "--seed",
                                         "18446744073709551615",
                                         "--temperature",
                                         "0.5",
                                         "--top_k",
                                         "7",
                                         "--top_p=.25",
                                         "--cfg_coef",
                                         "2",
                                         "--duration",
                                         "12.5",
                                         "--loudness",
                                         "none",
                                         "--alignment",
                                         "time",
                                         "--prompt",
                                         "tune.mp3",
                                         "--tokens",
                                         "out.tokens",
                                         "--resume",
                                         "in.tokens",
                                         "--deadline",
                                         "90",
                                         "--chunk",
                                         "0.5"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->command, Command::kGenerate);
  EXPECT_THAT(options->servers, ElementsAre("a:1", "dns:///b:2"));
  EXPECT_EQ(options->video, "in.mp4");
  EXPECT_EQ(options->output, "out.mp3");
  EXPECT_EQ(options->prompt, "tune.mp3");
  EXPECT_EQ(options->tokens, "out.tokens");
  EXPECT_EQ(options->resume, "in.tokens");
  EXPECT_EQ(options->deadline, absl::Seconds(90));
  const v1::SamplingConfig& sampling = options->config.sampling();
  EXPECT_TRUE(sampling.greedy());
  EXPECT_EQ(sampling.seed(), UINT64_MAX);
  EXPECT_EQ(sampling.temperature(), 0.5f);
  EXPECT_EQ(sampling.top_k(), 7u);
  EXPECT_EQ(sampling.top_p(), 0.25f);
  EXPECT_EQ(sampling.cfg_coef(), 2.0f);
  EXPECT_EQ(options->config.max_duration_seconds(), 12.5);
  EXPECT_EQ(options->config.max_chunk_seconds(), 0.5);
  EXPECT_EQ(options->config.loudness(), v1::LOUDNESS_NONE);
  EXPECT_EQ(options->config.alignment(), v1::ALIGNMENT_TIME);
  EXPECT_EQ(options->config.format(), v1::AUDIO_FORMAT_MP3);
}

TEST(Flags, UnsetFlagsLeaveTheServersDefaults) {
  const auto options = ParseCommandLine({"generate", "--video", "a", "--output", "b"});
  ASSERT_TRUE(options.ok());
  EXPECT_FALSE(options->config.has_sampling());
  EXPECT_FALSE(options->config.has_max_duration_seconds());
  EXPECT_FALSE(options->config.has_max_chunk_seconds());
  EXPECT_EQ(options->config.loudness(), v1::LOUDNESS_UNSPECIFIED);
  EXPECT_EQ(options->config.alignment(), v1::ALIGNMENT_UNSPECIFIED);
}

TEST(Flags, FormatComesFromTheExtensionUnlessGiven) {
  const std::pair<std::vector<std::string>, v1::AudioFormat> cases[] = {
      {{"a.wav"}, v1::AUDIO_FORMAT_WAV},
      {{"a.FLAC"}, v1::AUDIO_FORMAT_FLAC},
      {{"a.ogg"}, v1::AUDIO_FORMAT_OGG_VORBIS},
      {{"-"}, v1::AUDIO_FORMAT_WAV},
      {{"a.mp3", "--format", "pcm_f32le"}, v1::AUDIO_FORMAT_PCM_F32LE},
      {{"a.mp3", "--format=pcm_s16le"}, v1::AUDIO_FORMAT_PCM_S16LE},
  };
  for (const auto& [rest, format] : cases) {
    std::vector<std::string> args = {"generate", "--video", "v", "--output"};
    args.insert(args.end(), rest.begin(), rest.end());
    const auto options = ParseCommandLine(args);
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_EQ(options->config.format(), format) << rest[0];
  }
}

TEST(Flags, ErrorsNameTheFlagAndTheValue) {
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{}, "no command"},
      {{"sing"}, "unknown command 'sing'"},
      {{"generate", "--output", "b"}, "needs --video"},
      {{"generate", "--video", "b"}, "needs --output"},
      {{"generate", "--sed", "1"}, "--sed: no such flag"},
      {{"generate", "in.mp4"}, "\"in.mp4\" is not a flag"},
      {{"generate", "--seed"}, "--seed: no value"},
      {{"generate", "--seed", "-1"}, "--seed: \"-1\" is not a number of type integer"},
      {{"generate", "--top_k", "1.5"}, "--top_k: \"1.5\" is not a number of type integer"},
      {{"generate", "--temperature", "hot"}, "--temperature: \"hot\" is not a number"},
      {{"generate", "--temperature", "nan"}, "--temperature: \"nan\" is not finite"},
      {{"generate", "--deadline", "0"}, "--deadline: \"0\" is not above 0"},
      {{"generate", "--greedy=yes"}, "--greedy: \"yes\" is neither true nor false"},
      {{"generate", "--format", "aac"}, "--format: \"aac\" is none of wav, pcm_s16le"},
      {{"generate", "--loudness", "max"}, "--loudness: \"max\" is none of reference"},
      {{"generate", "--alignment", "ALIGNMENT_TIME"}, "is none of reference, time"},
      {{"generate", "--server", "a:1,"}, "--server: \"a:1,\" is not a list"},
      {{"generate", "--video", ""}, "--video: \"\" is empty"},
      {{"generate", "--video", "v", "--output", "x", "--tokens", "x"}, "the same file"},
      {{"generate", "--video", "v", "--output", "x.mp4", "--format", "wav"}, "music alone"},
      {{"generate", "--video", "v", "--output", "x.wav", "--original_audio", "mix"},
       "need a video"},
      {{"generate", "--video", "v", "--output", "x", "--music_gain_db", "3"}, "need a video"},
      {{"generate", "--original_audio", "loud"}, "none of drop, mix, duck"},
      {{"generate", "--music_gain_db", "25"}, "--music_gain_db"},
      {{"load", "--video", "v"}, "either --concurrency or --rate"},
      {{"load", "--video", "v", "--rate", "1", "--concurrency", "1"}, "either"},
      {{"load", "--rate", "1"}, "load needs --video"},
      {{"health", "--video", "a"}, "--video: no such flag"},
      {{"models", "now"}, "\"now\" is not a flag"},
      {{"models", "--service", "liveness"}, "--service: no such flag"},
      {{"models", "--tls_ca", "a"}, "need --tls"},
      {{"models", "--tls_cert", "a", "--tls_key", "b"}, "need --tls"},
      {{"models", "--tls", "--tls_cert", "a"}, "--tls_cert and --tls_key"},
      {{"models", "--tls", "--tls_key", "a"}, "--tls_cert and --tls_key"},
      {{"models", "--api_key", "secret"}, "--api_key: no such flag"},
  };
  for (const auto& [args, message] : cases) {
    const absl::Status status = ParseCommandLine(args).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << message;
    EXPECT_THAT(status.message(), HasSubstr(message));
  }
}

TEST(Flags, AVideoAsOutputTakesSamples) {
  for (const char* output : {"o.mp4", "o.MOV", "o.mkv", "o.webm"}) {
    const auto options = ParseCommandLine({"generate", "--video", "v", "--output", output,
                                           "--original_audio", "duck", "--music_gain_db=-3"});
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_EQ(options->config.format(), v1::AUDIO_FORMAT_PCM_F32LE);
    EXPECT_EQ(options->original_audio, OriginalAudio::kDuck);
    EXPECT_EQ(options->music_gain_db, -3);
  }
}

TEST(Flags, TlsAndKeysGoWithEveryCommand) {
  for (std::vector<std::string> args :
       {std::vector<std::string>{"models"}, std::vector<std::string>{"health"}}) {
    args.insert(args.end(), {"--tls", "--tls_ca", "ca", "--tls_cert=c", "--tls_key", "k",
                             "--api_key_file", "f"});
    const auto options = ParseCommandLine(args);
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_TRUE(options->tls);
    EXPECT_EQ(options->tls_ca, "ca");
    EXPECT_EQ(options->tls_cert, "c");
    EXPECT_EQ(options->tls_key, "k");
    EXPECT_EQ(options->api_key_file, "f");
  }
}

TEST(Flags, HelpAnywhere) {
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"--help"}, {"help"}, {"generate", "--help"}}) {
    const auto options = ParseCommandLine(args);
    ASSERT_TRUE(options.ok());
    EXPECT_EQ(options->command, Command::kHelp);
  }
}

TEST(OutputFileTest, AppearsOnlyWhenCommitted) {
  const std::string path = TempPath("out.wav");
  {
    auto file = OutputFile::Create(path);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_EQ((*file)->Append("half"), absl::OkStatus());
    EXPECT_TRUE(Exists(path + ".part"));
    EXPECT_FALSE(Exists(path));
  }
  EXPECT_FALSE(Exists(path + ".part"));
  auto file = OutputFile::Create(path);
  ASSERT_EQ((*file)->Append("whole"), absl::OkStatus());
  ASSERT_EQ((*file)->Commit(), absl::OkStatus());
  EXPECT_EQ(ReadFile(path), "whole");
  EXPECT_FALSE(Exists(path + ".part"));
  unlink(path.c_str());
}

TEST(OutputFileTest, Errors) {
  const absl::Status missing = OutputFile::Create("/nonexistent/out.wav").status();
  EXPECT_TRUE(absl::IsNotFound(missing)) << missing;
  EXPECT_THAT(missing.message(), HasSubstr("/nonexistent/out.wav.part"));
  auto full = OutputFile::Create("/dev/full");
  ASSERT_TRUE(full.ok());
  const absl::Status status = (*full)->Append("x");
  EXPECT_THAT(status.message(), HasSubstr("/dev/full: No space left on device"));
}

TEST(TokensFile, RoundTrip) {
  const std::string path = TempPath("a.tokens");
  const std::string tokens = FakeSong().AllTokens();
  ASSERT_EQ(WriteTokensFile(path, tokens), absl::OkStatus());
  const auto read = ReadTokensFile(path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, tokens);
  ASSERT_EQ(WriteTokensFile(path, std::string("\x01\x00\xff\x07\x02\x01\xff\xff", 8)),
            absl::OkStatus());
  EXPECT_EQ(ReadFile(path), "1 2047 258 65535\n");
  unlink(path.c_str());
}

TEST(TokensFile, ErrorsNameTheLineAndTheProblem) {
  const std::string path = TempPath("bad.tokens");
  const std::pair<const char*, const char*> cases[] = {
      {"1 2 3 4\n1 2 3\n", ":2: expected 4 tokens, found 3"},
      {"1 2 3 4 5\n", ":1: expected 4 tokens, found more"},
      {"1 2 3 4\n\n1 2 3 4\n", ":2: expected 4 tokens, found 1"},
      {"1 2 3 x\n", ":1: 'x' is not a token"},
      {"1 2 3 -4\n", ":1: '-4' is not a token"},
      {"1 2 3 65536\n", ":1: '65536' is not a token"},
      {"1  2 3\n", ":1: '' is not a token"},
      {"", "holds no tokens"},
  };
  for (const auto& [text, message] : cases) {
    std::ofstream(path) << text;
    const absl::Status status = ReadTokensFile(path).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_THAT(status.message(), HasSubstr(path));
    EXPECT_THAT(status.message(), HasSubstr(message));
  }
  unlink(path.c_str());
  EXPECT_TRUE(absl::IsNotFound(ReadTokensFile(path).status()));
}

TEST(VideoSourceTest, RefusesWhatIsNoRegularFile) {
  EXPECT_TRUE(absl::IsNotFound(VideoSource::OpenFile("/nonexistent.mp4").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(VideoSource::OpenFile(testing::TempDir()).status()));
  const std::string path = TempPath("fifo");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_TRUE(absl::IsInvalidArgument(VideoSource::OpenFile(path).status()));
  unlink(path.c_str());
}

TEST(ProgressLineTest, ShowsBarSecondsAndFactor) {
  EXPECT_EQ(ProgressLine(2.5, 10, 0.5, "making music", 8),
            "[##      ] 2.5/10.0 s  0.50x realtime  15 s left  making music");
  EXPECT_EQ(ProgressLine(10, 10, 0.5, "finishing", 8),
            "[########] 10.0/10.0 s  0.50x realtime  finishing");
  EXPECT_EQ(ProgressLine(0, 0, 0, "x", 2), "[  ] 0.0/0.0 s  0.00x realtime  x");
}

TEST(WaitingLineTest, ShowsTheStageThePlaceAndTheWait) {
  v1::GenerationProgress progress;
  EXPECT_EQ(WaitingLine(progress), "waiting for the server");
  progress.set_stage(v1::GENERATION_STAGE_DECODE);
  EXPECT_EQ(WaitingLine(progress), "decoding the video");
  progress.set_stage(v1::GENERATION_STAGE_QUEUE);
  EXPECT_EQ(WaitingLine(progress), "in the queue");
  progress.set_queue_position(3);
  progress.set_estimated_queue_seconds(39.6);
  EXPECT_EQ(WaitingLine(progress), "in the queue, place 3, about 40 s to wait");
}

TEST(TransportFailure, IsToldFromAnswers) {
  EXPECT_TRUE(IsTransportFailure(absl::UnavailableError("Socket closed")));
  EXPECT_TRUE(IsTransportFailure(absl::InternalError("Received RST_STREAM with error code 2")));
  EXPECT_TRUE(IsTransportFailure(absl::CancelledError("Received RST_STREAM with error code 8")));
  EXPECT_TRUE(IsTransportFailure(absl::UnknownError("Stream removed")));
  for (const auto code : {grpc::StatusCode::UNKNOWN, grpc::StatusCode::UNAVAILABLE}) {
    EXPECT_TRUE(absl::IsUnavailable(FromGrpcStatus({code, "Stream removed"})));
  }
  EXPECT_TRUE(absl::IsInternal(FromGrpcStatus({grpc::StatusCode::INTERNAL, "the model failed"})));
  EXPECT_FALSE(IsTransportFailure(absl::InternalError("the model failed")));
  EXPECT_FALSE(IsTransportFailure(absl::UnknownError("RST")));
  EXPECT_FALSE(IsTransportFailure(absl::InvalidArgumentError("RST_STREAM.mp4 is no video")));
}

}  // namespace
}  // namespace vidmuse
