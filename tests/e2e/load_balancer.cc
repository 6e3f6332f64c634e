#include "tests/e2e/load_balancer.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/e2e/harness.h"

namespace vidmuse {
namespace {

constexpr char kHaproxy[] = "/usr/sbin/haproxy";
constexpr char kNginx[] = "/usr/sbin/nginx";

}  // namespace

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

bool LoadBalancer::Has(Kind kind) {
  return access(kind == Kind::kHaproxy ? kHaproxy : kNginx, X_OK) == 0;
}

LoadBalancer::LoadBalancer(Kind kind, const std::vector<std::string>& servers)
    : address_(absl::StrCat("127.0.0.1:", FreePort())) {
  if (kind == Kind::kHaproxy) {
    StartHaproxy(servers);
  } else {
    StartNginx(servers);
  }
}

void LoadBalancer::StartHaproxy(const std::vector<std::string>& servers) {
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

void LoadBalancer::StartNginx(const std::vector<std::string>& servers) {
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

void LoadBalancer::Start(const std::vector<std::string>& args) {
  auto process = Subprocess::Start(args);
  EXPECT_TRUE(process.ok()) << process.status();
  process_ = *std::move(process);
}

}  // namespace vidmuse
