// A replica is killed in mid-stream, behind a load balancer and without one: the client's file is
// the same.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/music_client.h"
#include "tests/e2e/harness.h"
#include "tests/support/subprocess.h"

namespace vidmuse {
namespace {

constexpr char kHaproxy[] = "/usr/sbin/haproxy";
constexpr char kNginx[] = "/usr/sbin/nginx";

// A port that was free a moment ago.
int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

// A proxy in front of the servers, speaking HTTP/2 both ways.
class LoadBalancer {
 public:
  enum class Kind { kHaproxy, kNginx };

  LoadBalancer(Kind kind, const std::vector<std::string>& servers)
      : address_(absl::StrCat("127.0.0.1:", FreePort())) {
    if (kind == Kind::kHaproxy) {
      StartHaproxy(servers);
    } else {
      StartNginx(servers);
    }
  }

  const std::string& address() const { return address_; }

 private:
  void StartHaproxy(const std::vector<std::string>& servers) {
    const std::string path = TempFile("haproxy.cfg");
    std::ofstream config(path);
    config << "global\n  maxconn 100\n"
              "defaults\n  mode http\n  retries 2\n  option redispatch\n  timeout connect 1s\n"
              "  timeout client 60s\n  timeout server 60s\n"
              "frontend in\n  bind "
           << address_
           << " proto h2\n  default_backend replicas\nbackend replicas\n  balance roundrobin\n";
    for (size_t i = 0; i < servers.size(); ++i) {
      config << "  server s" << i << " " << servers[i]
             << " proto h2 check inter 200ms fall 1 rise 1\n";
    }
    config.close();
    Start({kHaproxy, "-db", "-f", path});
  }

  void StartNginx(const std::vector<std::string>& servers) {
    const std::string folder = TempFile("nginx");
    std::filesystem::create_directories(folder);
    std::ofstream config(folder + "/nginx.conf");
    config << "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\n"
              "events { worker_connections 100; }\n"
              "http {\n  access_log off;\n";
    for (const char* name : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
      config << "  " << name << "_temp_path " << name << ";\n";
    }
    config << "  upstream replicas {\n";
    for (const std::string& server : servers) {
      config << "    server " << server << " max_fails=1 fail_timeout=5s;\n";
    }
    // Uploads of any size, not gathered first; long silences both ways.
    config << "  }\n  server {\n    listen " << address_
           << " http2;\n    client_max_body_size 0;\n    client_body_timeout 600s;\n"
              "    grpc_read_timeout 600s;\n    grpc_send_timeout 600s;\n"
              "    location / { grpc_pass grpc://replicas; }\n  }\n}\n";
    config.close();
    Start({kNginx, "-p", folder, "-c", folder + "/nginx.conf"});
  }

  void Start(const std::vector<std::string>& args) {
    auto process = Subprocess::Start(args);
    EXPECT_TRUE(process.ok()) << process.status();
    process_ = *std::move(process);
  }

  const std::string address_;
  std::unique_ptr<Subprocess> process_;
};

absl::Status Call(const std::vector<std::string>& addresses, v1::AudioFormat format,
                  std::function<void()> after_first_audio, std::string* audio) {
  auto client = MusicClient::Create({.addresses = addresses, .max_retries = 20});
  if (!client.ok()) return client.status();
  GenerateOptions options;
  options.config.mutable_sampling()->set_seed(1);
  options.config.set_loudness(v1::LOUDNESS_NONE);
  options.config.set_format(format);
  options.config.set_max_chunk_seconds(0.2);
  options.deadline = absl::Minutes(3);
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

  // SIGKILL for the server that makes a song now.
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

  // A song through a proxy, undisturbed and with the server that makes it killed.
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
  if (access(kHaproxy, X_OK) != 0) GTEST_SKIP() << "no " << kHaproxy;
  ExpectTheSameBehind(LoadBalancer::Kind::kHaproxy);
}

TEST_F(FailoverE2eTest, BehindNginxToo) {
  if (access(kNginx, X_OK) != 0) GTEST_SKIP() << "no " << kNginx;
  ExpectTheSameBehind(LoadBalancer::Kind::kNginx);
}

}  // namespace
}  // namespace vidmuse
