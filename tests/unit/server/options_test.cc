#include "server/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/loopback.h"
#include "server/flags.h"
#include "tests/support/flag_walk.h"

namespace vidmuse {
namespace {

using ::testing::HasSubstr;

ServerOptions Parse(const std::vector<std::string>& args) {
  auto options = ParseOptions(args);
  EXPECT_TRUE(options.ok()) << options.status();
  return options.ok() ? *options : ServerOptions();
}

void ExpectError(const std::vector<std::string>& args, const std::string& part,
                 absl::StatusCode code = absl::StatusCode::kInvalidArgument) {
  const auto options = ParseOptions(args);
  ASSERT_FALSE(options.ok()) << args.back();
  EXPECT_EQ(options.status().code(), code);
  EXPECT_THAT(std::string(options.status().message()), HasSubstr(part));
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class ConfigFile {
 public:
  explicit ConfigFile(const std::string& text)
      : path_(testing::TempDir() + "options_test_" + std::to_string(getpid()) + ".yaml") {
    std::ofstream(path_) << text;
  }
  ~ConfigFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

TEST(OptionsTest, EachFlagSetsOneFieldAndIsInTheHelp) {
  CheckEachFlag(CommandLineFlags(), OptionsHelp());
}

TEST(OptionsTest, ValuesJustOutOfRangeAreRefused) {
  EXPECT_GE(CheckEachRange(CommandLineFlags()), 20);
}

// As in: `--max_connections` (1024)
TEST(OptionsTest, DefaultsAreTheDocumentedOnes) {
  const std::string pages = ReadText(VIDMUSE_TEST_DATA "/../../README.md") +
                            ReadText(VIDMUSE_TEST_DATA "/../../deploy/operations.md");
  const ServerOptions defaults = Parse({"--model_dir=/m"});
  int found = 0;
  for (const Flag<ServerOptions>& flag : CommandLineFlags().flags()) {
    std::smatch match;
    const std::regex pattern("`--" + flag.name + "` \\(([0-9.:]+)\\)");
    if (!std::regex_search(pages, match, pattern)) continue;
    ++found;
    EXPECT_EQ(flag.get(defaults), match[1]) << flag.name;
  }
  EXPECT_GE(found, 4);
  EXPECT_EQ(defaults.listen, "127.0.0.1:50051");
  EXPECT_EQ(defaults.metrics_listen, "127.0.0.1:9090");
  EXPECT_EQ(defaults.generator.device, "auto");
}

TEST(OptionsTest, BothSpellings) {
  EXPECT_EQ(Parse({"--model_dir", "/m"}).generator.model_dir, "/m");
  EXPECT_EQ(Parse({"--model_dir=/a=b"}).generator.model_dir, "/a=b");
}

TEST(OptionsTest, EveryFlagReachesItsField) {
  const ServerOptions options = Parse({"--model_dir=m",
                                       "--codec_dir=c",
                                       "--model_name=n",
                                       "--origin_text=o, ü",
                                       "--device=cpu",
                                       "--precision=bf16",
                                       "--max_decoder_bytes=20000000",
                                       "--max_decoders_bytes=300000000",
                                       "--video_sandbox=best_effort",
                                       "--device_threads=1",
                                       "--video_threads=2",
                                       "--encode_threads=3",
                                       "--codec_threads=4",
                                       "--max_kv_bytes=5",
                                       "--max_batch=6",
                                       "--max_video_bytes=7",
                                       "--max_prompt_bytes=71",
                                       "--max_video_seconds=8.5",
                                       "--max_frame_width=9",
                                       "--max_frame_height=10",
                                       "--max_frame_pixels=11",
                                       "--max_frames_per_second=12.5",
                                       "--max_queued_requests=13",
                                       "--max_queued_bytes=14",
                                       "--max_stream_buffer_bytes=2048",
                                       "--listen=h:1",
                                       "--metrics_listen=",
                                       "--max_message_bytes=4096",
                                       "--max_concurrent_uploads=15",
                                       "--upload_timeout_seconds=16",
                                       "--upload_idle_timeout_seconds=17",
                                       "--send_timeout_seconds=18",
                                       "--progress_seconds=27",
                                       "--stream_lead_seconds=28",
                                       "--drain_seconds=19",
                                       "--max_connections=20",
                                       "--tls_cert=tc",
                                       "--tls_key=tk",
                                       "--tls_client_ca=ta",
                                       "--api_keys_file=ak",
                                       "--max_connection_age_seconds=22",
                                       "--max_uploads_per_key=23",
                                       "--max_requests_per_key=24",
                                       "--first_message_timeout_seconds=25",
                                       "--min_upload_bytes_per_second=26",
                                       "--otlp_endpoint=http://collector:4317",
                                       "--trace_sample_share=0.29",
                                       "--self_test_seconds=21"});
  const GeneratorOptions& generator = options.generator;
  EXPECT_EQ(generator.codec_dir, "c");
  EXPECT_EQ(generator.model_name, "n");
  EXPECT_EQ(generator.origin_text, "o, ü");
  EXPECT_EQ(generator.server_version, VIDMUSE_VERSION);
  EXPECT_EQ(generator.device, "cpu");
  EXPECT_EQ(generator.precision, "bf16");
  EXPECT_EQ(generator.device_threads, 1);
  EXPECT_EQ(generator.video_threads, 2);
  EXPECT_EQ(generator.encode_threads, 3);
  EXPECT_EQ(generator.codec_threads, 4);
  EXPECT_EQ(generator.max_kv_bytes, 5u);
  EXPECT_EQ(generator.limits.max_batch, 6);
  EXPECT_EQ(generator.limits.max_video_bytes, 7u);
  EXPECT_EQ(generator.limits.max_prompt_bytes, 71u);
  EXPECT_EQ(generator.limits.max_video_seconds, 8.5);
  EXPECT_EQ(generator.limits.max_frame_width, 9);
  EXPECT_EQ(generator.limits.max_frame_height, 10);
  EXPECT_EQ(generator.limits.max_frame_pixels, 11);
  EXPECT_EQ(generator.limits.max_frames_per_second, 12.5);
  EXPECT_EQ(generator.limits.max_decoder_bytes, 20000000u);
  EXPECT_EQ(generator.limits.max_decoders_bytes, 300000000u);
  EXPECT_EQ(generator.video_sandbox, "best_effort");
  EXPECT_EQ(generator.limits.max_queued_requests, 13);
  EXPECT_EQ(generator.limits.max_queued_bytes, 14u);
  EXPECT_EQ(generator.limits.max_stream_buffer_bytes, 2048u);
  EXPECT_EQ(options.listen, "h:1");
  EXPECT_EQ(options.metrics_listen, "");
  EXPECT_EQ(options.max_message_bytes, 4096);
  EXPECT_EQ(options.max_concurrent_uploads, 15);
  EXPECT_EQ(options.upload_timeout_seconds, 16);
  EXPECT_EQ(options.upload_idle_timeout_seconds, 17);
  EXPECT_EQ(options.generator.send_timeout_seconds, 18);
  EXPECT_EQ(options.generator.progress_seconds, 27);
  EXPECT_EQ(options.generator.stream_lead_seconds, 28);
  EXPECT_EQ(options.drain_seconds, 19);
  EXPECT_EQ(options.max_connections, 20);
  EXPECT_EQ(options.self_test_seconds, 21);
  EXPECT_EQ(options.tls_cert, "tc");
  EXPECT_EQ(options.tls_key, "tk");
  EXPECT_EQ(options.tls_client_ca, "ta");
  EXPECT_EQ(options.api_keys_file, "ak");
  EXPECT_EQ(options.max_connection_age_seconds, 22);
  EXPECT_EQ(options.max_uploads_per_key, 23);
  EXPECT_EQ(options.max_requests_per_key, 24);
  EXPECT_EQ(options.first_message_timeout_seconds, 25);
  EXPECT_EQ(options.min_upload_bytes_per_second, 26);
  EXPECT_EQ(options.otlp_endpoint, "http://collector:4317");
  EXPECT_EQ(options.trace_sample_share, 0.29);
  EXPECT_EQ(options.given.size(), ConfigFileFlags().flags().size()) << "a flag is missing here";
}

TEST(OptionsTest, BadFlagsNameTheFlagAndTheValue) {
  ExpectError({}, "--model_dir: not set");
  ExpectError({"--model_dir=m", "--speed=1"}, "--speed: no such flag");
  ExpectError({"--model_dir=m", "serve"}, "\"serve\" is not a flag");
  ExpectError({"--model_dir=m", "--"}, "\"--\" is not a flag");
  ExpectError({"--model_dir"}, "--model_dir: no value");
  ExpectError({"--model_dir=m", "--max_batch=0"},
              "--max_batch: 0 is out of range, allowed is [1, ");
  ExpectError({"--model_dir=m", "--max_batch=two"}, "\"two\" is not a number of type integer");
  ExpectError({"--model_dir=m", "--max_batch=99999999999"}, "is not a number of type integer");
  ExpectError({"--model_dir=m", "--max_video_bytes=-1"}, "--max_video_bytes: \"-1\"");
  ExpectError({"--model_dir=m", "--max_video_seconds=nan"}, "--max_video_seconds: nan");
  ExpectError({"--model_dir=m", "--drain_seconds=inf"}, "--drain_seconds: inf is out of range");
  ExpectError({"--model_dir=m", "--precision=fp8"}, "\"fp8\" is none of fp32, bf16, fp16, int8");
  ExpectError({"--model_dir=m", "--video_sandbox=on"},
              "\"on\" is none of required, best_effort, off");
  ExpectError({"--model_dir=m", "--origin_text=two\nlines"},
              "--origin_text: the origin text has a control character at byte 3");
  ExpectError({"--model_dir=m", "--origin_text=" + std::string(501, 'x')},
              "has 501 bytes, at most 500");
  ExpectError({"--model_dir=m", "--listen=localhost"}, "\"localhost\" is not host:port");
  ExpectError({"--model_dir=m", "--listen=h:65536"}, "is not host:port");
  ExpectError({"--model_dir=m", "--listen="}, "--listen: \"\" is not host:port");
}

TEST(OptionsTest, TlsFilesGoTogether) {
  const ServerOptions options = Parse(
      {"--model_dir=/m", "--tls_cert=c", "--tls_key=k", "--tls_client_ca=a", "--api_keys_file=f"});
  EXPECT_EQ(options.tls_cert, "c");
  EXPECT_EQ(options.tls_key, "k");
  EXPECT_EQ(options.tls_client_ca, "a");
  EXPECT_EQ(options.api_keys_file, "f");
  ExpectError({"--model_dir=/m", "--tls_cert=c"}, "--tls_cert and --tls_key");
  ExpectError({"--model_dir=/m", "--tls_key=k"}, "--tls_cert and --tls_key");
  ExpectError({"--model_dir=/m", "--tls_client_ca=a"}, "--tls_client_ca");
}

TEST(OptionsTest, SelfTestNeedsNoModel) {
  EXPECT_TRUE(Parse({"--self_test"}).self_test);
  EXPECT_FALSE(Parse({"--model_dir=/m"}).self_test);
  EXPECT_EQ(Parse({"--self_test", "--model_dir", "/m"}).generator.model_dir, "/m");
}

TEST(OptionsTest, ConfigFileGivesValuesAndTheCommandLineWins) {
  const ConfigFile file("# comment\nmodel_dir: /from/file\nmax_batch: 3\ndrain_seconds: 1.5\n");
  const ServerOptions options = Parse({"--max_batch=5", "--config", file.path()});
  EXPECT_EQ(options.generator.model_dir, "/from/file");
  EXPECT_EQ(options.generator.limits.max_batch, 5);
  EXPECT_EQ(options.drain_seconds, 1.5);
}

TEST(OptionsTest, EmptyConfigFileIsFine) {
  const ConfigFile file("# nothing\n");
  Parse({"--model_dir=m", "--config=" + file.path()});
}

TEST(OptionsTest, BadConfigFilesAreNamed) {
  ExpectError({"--config=/no/such/file.yaml"}, "/no/such/file.yaml: no such file",
              absl::StatusCode::kNotFound);
  for (const auto& [text, part] : std::vector<std::pair<std::string, std::string>>{
           {"max_batch: 0", "--max_batch: 0 is out of range"},
           {"speed: 1", "--speed: no such flag"},
           {"config: other.yaml", "--config: no such flag"},
           {"max_batch: [1, 2]", "max_batch: not a single value"},
           {"- max_batch", "not a map"},
           {"a: b: c", "illegal map value"}}) {
    const ConfigFile file(text);
    ExpectError({"--model_dir=m", "--config=" + file.path()}, part);
    ExpectError({"--model_dir=m", "--config=" + file.path()}, file.path());
  }
}

// The number behind `name: ` in a YAML file; -1 if it is not there.
double NumberIn(const std::string& text, const std::string& name) {
  std::smatch match;
  const bool found = std::regex_search(text, match, std::regex("\\b" + name + ": *([0-9.]+)"));
  return found ? std::stod(match[1]) : -1;
}

TEST(OptionsTest, WhatIsDeployedFitsThisServer) {
  const std::string root = VIDMUSE_TEST_DATA "/../../";
  for (const char* path : {"deploy/kubernetes/base/server.yaml", "docker/server.yaml"}) {
    const ServerOptions options = Parse({"--config", root + path});
    EXPECT_FALSE(IsLoopback(options.listen)) << path;
    EXPECT_FALSE(IsLoopback(options.metrics_listen)) << path;
  }
  const ServerOptions options = Parse({"--config", root + "deploy/kubernetes/base/server.yaml"});
  const std::string deployment = ReadText(root + "deploy/kubernetes/base/deployment.yaml");
  // Decoders and the model together, within the container's memory.
  constexpr double kGiB = 1 << 30;
  EXPECT_LE(options.generator.video_threads *
                static_cast<double>(options.generator.limits.max_decoder_bytes),
            NumberIn(deployment.substr(deployment.find("limits:")), "memory") * kGiB / 4);
  EXPECT_THAT(ReadText(root + "deploy/kubernetes/base/kustomization.yaml"),
              HasSubstr("newTag: " VIDMUSE_VERSION "\n"));
  EXPECT_THAT(ReadText(root + "docker/Dockerfile"), HasSubstr("vidmuse:" VIDMUSE_VERSION " "));
}

TEST(OptionsTest, HelpIsAskedForInTwoWays) {
  EXPECT_TRUE(Parse({"--help"}).help);
  EXPECT_TRUE(Parse({"-h"}).help);
  for (const char* flag : {"--config  (file)", "--self_test  (no value)", "--help  (no value)"}) {
    EXPECT_THAT(OptionsHelp(), HasSubstr(flag));
  }
}

}  // namespace
}  // namespace vidmuse
