// Videos are decoded in processes of their own: killing a decoder must affect only its own request.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/e2e/harness.h"

namespace vidmuse {
namespace {

using testing::HasSubstr;

constexpr absl::Duration kTimeout = absl::Seconds(30);

std::string StatusOf(pid_t pid) { return ReadFile(absl::StrCat("/proc/", pid, "/status")); }

bool IsGone(pid_t pid) {
  const std::string status = StatusOf(pid);
  return status.empty() || absl::StrContains(status, "State:\tZ");
}

// Waits for a decoder that has entered its sandbox, and stops it with SIGSTOP so that it can't
// finish.
pid_t StopDecoderOf(pid_t server) {
  const absl::Time deadline = absl::Now() + kTimeout;
  while (absl::Now() < deadline) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const pid_t pid = std::atoi(entry.path().filename().c_str());
      if (pid <= 0) continue;
      const std::string status = StatusOf(pid);
      if (absl::StrContains(status, absl::StrCat("\nPPid:\t", server, "\n")) &&
          absl::StrContains(status, "\nSeccomp:\t2\n")) {
        kill(pid, SIGSTOP);
        return pid;
      }
    }
  }
  return 0;
}

class SandboxE2eTest : public testing::Test {
 protected:
  void SetUp() override {
    if (kSanitized) GTEST_SKIP() << "built with a sanitizer, the decoder has no filter";
    auto server = ServerProcess::Start();
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    client_ = std::thread([this] {
      result_ = Generate(*server_, GoldenVideo("zoom_63s"), TempFile("zoom.wav"), {"--duration", "2"});
    });
    decoder_ = StopDecoderOf(server_->pid());
    ASSERT_GT(decoder_, 0);
  }
  void TearDown() override {
    if (client_.joinable()) client_.join();
  }

  std::unique_ptr<ServerProcess> server_;
  pid_t decoder_ = 0;
  std::thread client_;
  RunResult result_;
};

// A killed decoder counts as a shortage of memory, so the client retries; other requests don't
// notice.
TEST_F(SandboxE2eTest, AKilledDecoderCostsItsRequestATry) {
  const RunResult beside =
      Generate(*server_, GoldenVideo("pattern_4s"), TempFile("beside.wav"), {"--duration", "1"});
  EXPECT_EQ(beside.exit_code, 0) << beside.error;

  kill(decoder_, SIGKILL);
  client_.join();
  EXPECT_EQ(result_.exit_code, 0) << result_.error;
  EXPECT_TRUE(StatusOf(decoder_).empty());

  const RunResult after =
      Generate(*server_, GoldenVideo("pattern_4s"), TempFile("after.wav"), {"--duration", "1"});
  EXPECT_EQ(after.exit_code, 0) << after.error;
  EXPECT_EQ(server_->Stop(), absl::OkStatus());
}

TEST_F(SandboxE2eTest, ADecoderEndsWithItsServer) {
  kill(server_->pid(), SIGKILL);
  const absl::Time deadline = absl::Now() + kTimeout;
  while (!IsGone(decoder_) && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_TRUE(IsGone(decoder_));
}

// Runs a server in a folder without the decoder program.
TEST(LoneServerE2eTest, NamesTheFlag) {
  const auto model = TinyModel();
  ASSERT_TRUE(model.ok()) << model.status();
  const std::string lone = TempFile("vidmuse_server");
  std::filesystem::copy_file(VIDMUSE_BIN_DIR "/vidmuse_server", lone);
  const auto start = [&](const std::string& sandbox) {
    return Subprocess::Start({lone, "--model_dir", *model, "--listen", "127.0.0.1:0",
                              "--metrics_listen", "127.0.0.1:0", "--video_sandbox", sandbox});
  };
  for (const char* mode : {"required", "best_effort"}) {
    const auto server = start(mode);
    ASSERT_TRUE(server.ok()) << server.status();
    const auto code = (*server)->Wait(kPatience * absl::Minutes(1));
    ASSERT_TRUE(code.ok()) << code.status();
    EXPECT_EQ(*code, 1);
    EXPECT_THAT((*server)->error(), HasSubstr(absl::StrCat("--video_sandbox=", mode)));
    EXPECT_THAT((*server)->error(), HasSubstr("/vidmuse_video_decoder: No such file"));
  }
  const auto server = start("off");
  ASSERT_TRUE(server.ok()) << server.status();
  const auto ready = (*server)->WaitForErrorLine("ready", kPatience * absl::Minutes(1));
  ASSERT_TRUE(ready.ok()) << ready.status();
  EXPECT_THAT((*server)->error(), HasSubstr("decoded in the server's own process"));
  (*server)->Signal(SIGTERM);
  EXPECT_EQ((*server)->Wait(kPatience * absl::Minutes(1)).value_or(-1), 0);
}

}  // namespace
}  // namespace vidmuse
