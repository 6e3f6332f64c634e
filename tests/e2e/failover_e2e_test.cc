// A replica is killed in mid-stream, behind a load balancer and without one. The client's file must
// be the same as without that.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/music_client.h"
#include "tests/e2e/harness.h"
#include "tests/e2e/load_balancer.h"

namespace vidmuse {
namespace {

absl::Status Call(const std::vector<std::string>& addresses, v1::AudioFormat format,
                  std::function<void()> after_first_audio, std::string* audio) {
  auto client = MusicClient::Create({.addresses = addresses, .max_retries = 20});
  if (!client.ok()) return client.status();
  GenerateOptions options;
  options.config.mutable_sampling()->set_seed(1);
  options.config.set_loudness(v1::LOUDNESS_NONE);
  options.config.set_format(format);
  options.config.set_max_chunk_seconds(0.2);
  options.deadline = kPatience * absl::Minutes(3);
  GenerateSink sink;
  sink.chunk = [&](const v1::AudioChunk& chunk) {
    const bool first = audio->empty() && !chunk.data().empty();
    *audio += chunk.data();
    if (first && after_first_audio) after_first_audio();
    return absl::OkStatus();
  };
  const std::string bytes = ReadFile(GoldenVideo("zoom_63s"));
  return (*client)->Generate(options, *VideoSource::FromMemory(bytes), sink);
}

class FailoverE2eTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (auto& server : servers_) {
      auto started = ServerProcess::Start();
      ASSERT_TRUE(started.ok()) << started.status();
      server = *std::move(started);
      addresses_.push_back(server->address());
    }
  }

  // Kills the server that is generating now, with SIGKILL.
  void KillTheBusyOne() {
    for (auto& server : servers_) {
      if (server == nullptr) continue;
      const bool busy =
          server->WaitForMetric("vidmuse_requests_running", "", 1, absl::ZeroDuration()).ok();
      if (!busy) continue;
      server = nullptr;
      ++killed_;
      return;
    }
  }

  // Makes a song through a proxy twice, once undisturbed and once while its server is killed.
  void ExpectTheSameBehind(LoadBalancer::Kind kind) {
    const LoadBalancer balancer(kind, addresses_);
    std::string expected, audio;
    ASSERT_EQ(Call({balancer.address()}, v1::AUDIO_FORMAT_MP3, nullptr, &expected),
              absl::OkStatus());
    ASSERT_EQ(Call(
                  {balancer.address()}, v1::AUDIO_FORMAT_MP3, [&] { KillTheBusyOne(); }, &audio),
              absl::OkStatus());
    EXPECT_EQ(killed_, 1);
    EXPECT_TRUE(audio == expected) << audio.size() << " bytes, not " << expected.size();
  }

  std::unique_ptr<ServerProcess> servers_[2];
  std::vector<std::string> addresses_;
  int killed_ = 0;
};

TEST_F(FailoverE2eTest, AKilledServerCostsNothingButTime) {
  std::string expected, audio;
  ASSERT_EQ(Call(addresses_, v1::AUDIO_FORMAT_WAV, nullptr, &expected), absl::OkStatus());
  ASSERT_EQ(Call(
                addresses_, v1::AUDIO_FORMAT_WAV, [&] { KillTheBusyOne(); }, &audio),
            absl::OkStatus());
  EXPECT_EQ(killed_, 1);
  EXPECT_TRUE(audio == expected) << audio.size() << " bytes, not " << expected.size();
}

TEST_F(FailoverE2eTest, BehindHaproxyToo) {
  if (!LoadBalancer::Has(LoadBalancer::Kind::kHaproxy)) GTEST_SKIP() << "no haproxy";
  ExpectTheSameBehind(LoadBalancer::Kind::kHaproxy);
}

TEST_F(FailoverE2eTest, BehindNginxToo) {
  if (!LoadBalancer::Has(LoadBalancer::Kind::kNginx)) GTEST_SKIP() << "no nginx";
  ExpectTheSameBehind(LoadBalancer::Kind::kNginx);
}

}  // namespace
}  // namespace vidmuse
