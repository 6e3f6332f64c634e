// More connections than the server takes.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/unique_fd.h"
#include "tests/support/http_get.h"
#include "tests/unit/server/service_fixture.h"

namespace vidmuse {
namespace {

using ::testing::HasSubstr;

class ConnectionsTest : public ServiceFixture {
 protected:
  UniqueFd Connect() const {
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(server_->port()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }

  // Whether the server speaks on a new connection (gRPC greets with its settings) or closes it.
  static bool IsServed(const UniqueFd& connection) {
    pollfd ready{connection.get(), POLLIN, 0};
    EXPECT_EQ(poll(&ready, 1, 20'000), 1);
    char byte = 0;
    return recv(connection.get(), &byte, 1, 0) == 1;
  }

  bool WaitForMetric(const std::string& line) const {
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    while (absl::Now() < deadline) {
      const auto page = HttpGet(server_->metrics_port(), "/metrics");
      if (page.ok() && page->find(line) != std::string::npos) return true;
    }
    return false;
  }
};

TEST_F(ConnectionsTest, TheLimitHoldsAndPlacesComeBack) {
  options_.max_connections = 5;
  options_.metrics_listen = "127.0.0.1:0";
  StartServer();
  std::vector<UniqueFd> connections;
  for (int i = 0; i < 5; ++i) {
    connections.push_back(Connect());
    EXPECT_TRUE(IsServed(connections.back()));
  }
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(IsServed(Connect()));
  EXPECT_TRUE(WaitForMetric("vidmuse_connections{device=\"cpu\",model=\"fake\"} 5"));
  EXPECT_TRUE(WaitForMetric("vidmuse_connections_refused_total{device=\"cpu\",model=\"fake\"} 3"));

  connections.erase(connections.begin(), connections.begin() + 2);
  EXPECT_TRUE(WaitForMetric("vidmuse_connections{device=\"cpu\",model=\"fake\"} 3"));
  // Room for a real client.
  generator_.SetScript(Song(1));
  ClientCall call(stub_.get());
  call.Upload();
  EXPECT_TRUE(call.Finish().ok());
  EXPECT_EQ(Log().find("max_connections = 5 are open"),
            Log().rfind("max_connections = 5 are open"));
  EXPECT_THAT(Log(), HasSubstr("max_connections = 5 are open"));
}

// Without the limit, gRPC 1.51 stops accepting for ever once descriptors have run out.
TEST_F(ConnectionsTest, MoreConnectionsThanDescriptorsLeaveThePortAlive) {
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  // Enough for a hundred connections, not for as many as come: each takes two descriptors of the
  // server, and one here.
  limit.rlim_cur = 1000;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  options_.max_connections = 100;
  StartServer();
  {
    std::vector<UniqueFd> connections;
    for (int i = 0; i < 600; ++i) connections.push_back(Connect());
    EXPECT_FALSE(IsServed(connections.back()));
  }
  generator_.SetScript(Song(1));
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  bool served = false;
  while (!served && absl::Now() < deadline) {
    ClientCall call(stub_.get());
    call.context.set_wait_for_ready(true);
    call.Upload();
    served = call.Finish().ok();
  }
  EXPECT_TRUE(served);
}

TEST_F(ConnectionsTest, TooManyPingsEndTheConnection) {
  StartServer();
  const UniqueFd connection = Connect();
  // HTTP/2: the preface, empty SETTINGS, and pings without a call.
  std::string bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  bytes.append("\0\0\0\4\0\0\0\0\0", 9);
  for (int i = 0; i < 10; ++i) bytes.append("\0\0\10\6\0\0\0\0\0pingping", 17);
  ASSERT_EQ(send(connection.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
  std::string answer;
  pollfd ready{connection.get(), POLLIN, 0};
  while (poll(&ready, 1, 20'000) == 1) {
    char buffer[1024];
    const ssize_t got = recv(connection.get(), buffer, sizeof(buffer), 0);
    if (got <= 0) break;
    answer.append(buffer, static_cast<size_t>(got));
  }
  EXPECT_THAT(answer, HasSubstr("too_many_pings"));
}

}  // namespace
}  // namespace vidmuse
