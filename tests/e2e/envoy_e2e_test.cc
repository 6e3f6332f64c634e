// Three replicas run behind Envoy. One is killed, one drains, and every stream must end well on the
// third.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "tests/e2e/harness.h"
#include "tests/e2e/load_balancer.h"

namespace vidmuse {
namespace {

constexpr char kClient[] = VIDMUSE_BIN_DIR "/vidmuse";
constexpr int kStreams = 6;

RunResult Sing(const std::string& address, const std::string& output) {
  return RunProgram(
      {kClient, "generate", "--server", address, "--video", GoldenVideo("zoom_63s"), "--output",
       output, "--seed", "7", "--duration", "20", "--loudness", "none", "--chunk", "0.2"},
      kPatience * absl::Minutes(4));
}

// Whether the server is generating tokens now.
bool IsBusy(const ServerProcess& server) {
  const absl::StatusOr<std::string> metrics = server.Metrics();
  if (!metrics.ok()) return false;
  for (absl::string_view line : absl::StrSplit(*metrics, '\n')) {
    if (absl::StartsWith(line, "vidmuse_requests_running{")) return !absl::EndsWith(line, " 0");
  }
  return false;
}

TEST(EnvoyE2eTest, StreamsFindTheReplicaThatStays) {
  if (!LoadBalancer::Has(LoadBalancer::Kind::kEnvoy)) {
    GTEST_SKIP() << "no envoy: PyPI can't be reached";
  }
  std::unique_ptr<ServerProcess> servers[3];
  std::vector<std::string> addresses;
  for (auto& server : servers) {
    auto started = ServerProcess::Start({"--drain_seconds", "5"});
    ASSERT_TRUE(started.ok()) << started.status();
    server = *std::move(started);
    addresses.push_back(server->address());
  }
  const LoadBalancer envoy(LoadBalancer::Kind::kEnvoy, addresses);
  std::vector<std::future<RunResult>> runs;
  std::vector<std::string> outputs;
  for (int i = 0; i < kStreams; ++i) {
    outputs.push_back(TempFile(absl::StrCat("song-", i, ".wav")));
    runs.push_back(std::async(std::launch::async, Sing, envoy.address(), outputs.back()));
  }
  // Kills one server and drains another, each while it is generating.
  bool draining = false;
  const absl::Time deadline = absl::Now() + kPatience * absl::Seconds(120);
  while (servers[0] != nullptr || !draining) {
    ASSERT_LT(absl::Now(), deadline) << "the streams don't reach both servers";
    absl::SleepFor(absl::Milliseconds(20));
    if (servers[0] != nullptr && IsBusy(*servers[0])) servers[0] = nullptr;
    if (!draining && IsBusy(*servers[1])) {
      servers[1]->Terminate();
      draining = true;
    }
  }
  for (auto& run : runs) {
    const RunResult result = run.get();
    EXPECT_EQ(result.exit_code, 0) << result.error;
  }
  const std::string expected = TempFile("expected.wav");
  const RunResult undisturbed = Sing(servers[2]->address(), expected);
  ASSERT_EQ(undisturbed.exit_code, 0) << undisturbed.error;
  for (const std::string& output : outputs) {
    EXPECT_TRUE(ReadFile(output) == ReadFile(expected)) << output;
  }
}

}  // namespace
}  // namespace vidmuse
