// vidmuse_server's main as a process, over the fake generator: exit codes, the ready line, signals.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/support/http_get.h"
#include "tests/support/sanitized.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

// A child process whose output is read through a pipe. Killed with this object.
class Process {
 public:
  // `files`: how many file descriptors it may have, as its hard limit too.
  explicit Process(std::vector<std::string> args, int files = 0) {
    args.insert(args.begin(), VIDMUSE_BIN_DIR "/tests/vidmuse_fake_server");
    if (files > 0) {
      const std::string limited = absl::StrCat("ulimit -n ", files, "; exec \"$0\" \"$@\"");
      args.insert(args.begin(), {"/bin/sh", "-c", limited});
    }
    std::vector<char*> argv;
    for (std::string& arg : args) argv.push_back(arg.data());
    argv.push_back(nullptr);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) ADD_FAILURE() << "pipe2";
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    if (posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) {
      ADD_FAILURE() << "cannot start " << argv[0];
    }
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    output_fd_ = ends[0];
  }

  ~Process() {
    if (!waited_) {
      Kill(SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(output_fd_);
  }

  void Kill(int signal) const { kill(pid_, signal); }

  // Reads until the output contains `text`, or ends; false in the second case, and after 20 s.
  bool WaitForOutput(const std::string& text) {
    while (output_.find(text) == std::string::npos) {
      if (!ReadSome()) return false;
    }
    return true;
  }

  // The exit code, or 1000 + the signal that killed it. Reads all output first.
  int Wait() {
    while (ReadSome()) {
    }
    int status = 0;
    waitpid(pid_, &status, 0);
    waited_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }

  const std::string& output() const { return output_; }

 private:
  bool ReadSome() {
    pollfd ready{output_fd_, POLLIN, 0};
    const absl::Duration left = deadline_ - absl::Now();
    if (left <= absl::ZeroDuration()) return false;
    if (poll(&ready, 1, static_cast<int>(absl::ToInt64Milliseconds(left))) <= 0) return false;
    char buffer[4096];
    const ssize_t count = read(output_fd_, buffer, sizeof(buffer));
    if (count <= 0) return false;
    output_.append(buffer, count);
    return true;
  }

  const absl::Time deadline_ = absl::Now() + kPatience * absl::Seconds(40);
  pid_t pid_ = 0;
  int output_fd_ = -1;
  bool waited_ = false;
  std::string output_;
};

// The message of an output that is one line of JSON.
std::string Message(const std::string& output) {
  const nlohmann::json line = nlohmann::json::parse(output, nullptr, false);
  return line.is_object() ? line.value("message", "") : "not JSON: " + output;
}

class Ready {
 public:
  explicit Ready(std::vector<std::string> extra = {}) {
    std::vector<std::string> args = {"--model_dir=m", "--listen=127.0.0.1:0",
                                     "--metrics_listen=127.0.0.1:0"};
    args.insert(args.end(), extra.begin(), extra.end());
    process = std::make_unique<Process>(args);
    EXPECT_TRUE(process->WaitForOutput("ready on")) << process->output();
    std::string ready;
    for (absl::string_view line : absl::StrSplit(process->output(), '\n')) {
      if (absl::StrContains(line, "ready on")) ready = Message(std::string(line));
    }
    std::sscanf(ready.c_str(), "ready on 127.0.0.1:%d, metrics on 127.0.0.1:%d", &port,
                &metrics_port);
    EXPECT_EQ(ready,
              absl::StrCat("ready on 127.0.0.1:", port, ", metrics on 127.0.0.1:", metrics_port));
  }

  // A call whose fingerprint is not UTF-8.
  void SendBadText() const {
    const auto music = v1::MusicService::NewStub(
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
    grpc::ClientContext bad_context;
    const auto bad = music->GenerateMusic(&bad_context);
    v1::GenerateMusicRequest request;
    request.mutable_config()->mutable_resume()->set_fingerprint("\xff");
    bad->Write(request);
    EXPECT_FALSE(bad->Finish().ok());
  }

  // A call in the middle of its upload.
  void HoldCall() {
    stub = v1::MusicService::NewStub(
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
    stream = stub->GenerateMusic(&context);
    v1::GenerateMusicRequest request;
    request.mutable_config();
    stream->Write(request);
    stream->WaitForInitialMetadata();
  }

  std::unique_ptr<Process> process;
  int port = 0;
  int metrics_port = 0;
  grpc::ClientContext context;
  std::unique_ptr<v1::MusicService::Stub> stub;
  std::unique_ptr<grpc::ClientReaderWriter<v1::GenerateMusicRequest, v1::GenerateMusicResponse>>
      stream;
};

// Also what libraries write, here a verbose gRPC, a model that Torch warns of, and Protobuf, which
// complains of a client's text.
TEST(ProcessTest, EveryLineOfAServerIsJson) {
  setenv("GRPC_VERBOSITY", "debug", 1);
  setenv("FAKE_TORCH_WARNING", "lines\nand \"quotes\"", 1);
  Ready server({"--drain_seconds=0.2"});
  unsetenv("GRPC_VERBOSITY");
  unsetenv("FAKE_TORCH_WARNING");
  server.SendBadText();
  server.HoldCall();
  server.process->Kill(SIGTERM);
  EXPECT_EQ(server.process->Wait(), 0);
  std::multiset<std::string> events;
  std::vector<std::string> messages;
  for (absl::string_view line : absl::StrSplit(server.process->output(), '\n', absl::SkipEmpty())) {
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    ASSERT_TRUE(json.is_object()) << line;
    EXPECT_TRUE(json.contains("time")) << line;
    events.insert(json.value("event", ""));
    messages.push_back(json.value("message", ""));
  }
  EXPECT_GE(events.count("server"), 3u);  // ready, draining, cut off
  EXPECT_GE(events.count("grpc"), 1u) << server.process->output();
  EXPECT_EQ(events.count("request"), 2u);
  EXPECT_EQ(events.count("torch"), 1u);
  EXPECT_GE(events.count("protobuf"), 1u) << server.process->output();
  EXPECT_THAT(messages, Contains("lines\nand \"quotes\""));
}

TEST(ProcessTest, TheDefaultLimitOfConnectionsGoesByTheFileDescriptors) {
  const std::vector<std::string> args = {"--model_dir=m", "--listen=127.0.0.1:0",
                                         "--metrics_listen="};
  Process lowered(args, 1024);
  ASSERT_TRUE(lowered.WaitForOutput("ready on")) << lowered.output();
  EXPECT_THAT(lowered.output(), HasSubstr("\"severity\":\"warning\""));
  EXPECT_THAT(lowered.output(), HasSubstr("max_connections is 384, not 1024"));
  lowered.Kill(SIGTERM);
  EXPECT_EQ(lowered.Wait(), 0);

  // What somebody asked for is an error, wherever it was asked for.
  const std::string config = absl::StrCat(testing::TempDir(), "/files-", getpid(), ".yaml");
  std::ofstream(config) << "max_connections: 1024\n";
  for (const std::string& flag : {std::string("--max_connections=1024"), "--config=" + config}) {
    std::vector<std::string> asked = args;
    asked.push_back(flag);
    Process refused(asked, 1024);
    EXPECT_EQ(refused.Wait(), 1);
    EXPECT_EQ(Message(refused.output()),
              "max_connections = 1024 takes 2304 file descriptors; the limit of this process is "
              "1024");
  }
  std::filesystem::remove(config);
}

TEST(ProcessTest, BadUsage) {
  Process process({"--model_dir=m", "--speed=1"});
  EXPECT_EQ(process.Wait(), 2);
  EXPECT_EQ(process.output(), "vidmuse_server: --speed: no such flag, see --help\n");
}

TEST(ProcessTest, Help) {
  Process process({"--help"});
  EXPECT_EQ(process.Wait(), 0);
  EXPECT_THAT(process.output(), HasSubstr("--model_dir"));
}

TEST(ProcessTest, ModelThatCannotBeLoaded) {
  Process process({"--model_dir=missing", "--listen=127.0.0.1:0", "--metrics_listen="});
  EXPECT_EQ(process.Wait(), 1);
  EXPECT_EQ(Message(process.output()), "missing/state_dict.bin: no such file");
}

TEST(ProcessTest, SelfTestAlone) {
  Process process({"--self_test"});
  EXPECT_EQ(process.Wait(), 0);
  EXPECT_EQ(process.output(), "self-test passed\n");
  Process with_model({"--self_test", "--model_dir=m"});
  EXPECT_EQ(with_model.Wait(), 0);
  EXPECT_EQ(with_model.output(), "self-test passed, one step of fake\n");
}

TEST(ProcessTest, AMachineThatComputesWrongDoesNotServe) {
  setenv("FAKE_SELF_TEST_FAILS", "1", 1);
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"--self_test"},
        {"--model_dir=m", "--listen=127.0.0.1:0", "--metrics_listen="}}) {
    Process process(args);
    EXPECT_EQ(process.Wait(), 1);
    EXPECT_EQ(Message(process.output()), "self-test: tokens 1 2, expected 1 3");
  }
  unsetenv("FAKE_SELF_TEST_FAILS");
}

TEST(ProcessTest, ASelfTestThatHangsIsEnded) {
  setenv("FAKE_SELF_TEST_HANGS", "1", 1);
  Process small({"--self_test", "--self_test_seconds=0.2"});
  EXPECT_EQ(small.Wait(), 1);
  unsetenv("FAKE_SELF_TEST_HANGS");
  Process step({"--model_dir=hangs", "--self_test_seconds=0.2"});
  EXPECT_EQ(step.Wait(), 1);
  for (const Process* process : {&small, &step}) {
    EXPECT_EQ(Message(process->output()), "self-test: not done after 0.2 s (self_test_seconds)");
  }
}

TEST(ProcessTest, BusyPort) {
  const Ready first;
  Process second(
      {"--model_dir=m", absl::StrCat("--listen=127.0.0.1:", first.port), "--metrics_listen="});
  EXPECT_EQ(second.Wait(), 1);
  EXPECT_THAT(second.output(), HasSubstr("--listen: cannot listen on 127.0.0.1:"));
}

TEST(ProcessTest, ServesAndEndsInOrder) {
  for (const int signal : {SIGTERM, SIGINT}) {
    const Ready server;
    const auto page = HttpGet(server.metrics_port, "/metrics");
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_THAT(*page, HasSubstr("vidmuse_draining"));
    const absl::Time told = absl::Now();
    server.process->Kill(signal);
    EXPECT_EQ(server.process->Wait(), 0);
    // An idle server has nothing to wait for.
    EXPECT_LT(absl::Now() - told, kPatience * absl::Seconds(1));
    EXPECT_THAT(server.process->output(), HasSubstr("\"message\":\"draining\""));
  }
}

TEST(ProcessTest, BrokenPipesAreIgnored) {
  // Without the metrics page: its library ignores them too.
  Process process({"--model_dir=m", "--listen=127.0.0.1:0", "--metrics_listen="});
  ASSERT_TRUE(process.WaitForOutput("ready on"));
  process.Kill(SIGPIPE);
  process.Kill(SIGTERM);
  EXPECT_EQ(process.Wait(), 0);
}

TEST(ProcessTest, DrainIsBounded) {
  Ready server({absl::StrCat("--drain_seconds=", kPatience)});
  server.HoldCall();
  const absl::Time told = absl::Now();
  server.process->Kill(SIGTERM);
  EXPECT_EQ(server.process->Wait(), 0);
  // Half a second for a busy machine.
  EXPECT_LT(absl::Now() - told, kPatience * absl::Seconds(1.5));
  EXPECT_THAT(server.process->output(), HasSubstr("requests were cut off"));
  EXPECT_THAT(server.process->output(), HasSubstr("\"event\":\"request\""));
}

TEST(ProcessTest, AServerThatCannotEndIsEnded) {
  Process process(
      {"--model_dir=endless", "--listen=127.0.0.1:0", "--metrics_listen=", "--drain_seconds=0"});
  ASSERT_TRUE(process.WaitForOutput("ready on"));
  const absl::Time told = absl::Now();
  process.Kill(SIGTERM);
  EXPECT_EQ(process.Wait(), 1);
  EXPECT_LT(absl::Now() - told, kPatience * absl::Seconds(2));  // the least is 1 s
  EXPECT_THAT(process.output(), HasSubstr("ended with work left"));
}

TEST(ProcessTest, SecondSignalEndsAtOnce) {
  Ready server({"--drain_seconds=3600"});
  server.HoldCall();
  server.process->Kill(SIGTERM);
  ASSERT_TRUE(server.process->WaitForOutput("\"draining\""));
  server.process->Kill(SIGTERM);
  EXPECT_EQ(server.process->Wait(), 128 + SIGTERM);
}

}  // namespace
}  // namespace vidmuse
