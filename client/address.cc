#include "client/address.h"

#include <arpa/inet.h>

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace vidmuse {
namespace {

// The port is optional: "[::1]:80", "127.0.0.1:80", "localhost" and "::1" are all loopback.
bool IsLoopback(absl::string_view endpoint) {
  std::string host(endpoint);
  if (absl::StartsWith(endpoint, "[")) {
    host = std::string(endpoint.substr(1, endpoint.find(']') - 1));
  } else if (const size_t colon = endpoint.find(':'); colon == endpoint.rfind(':')) {
    host = std::string(endpoint.substr(0, colon));
  }
  if (absl::AsciiStrToLower(host) == "localhost") return true;
  in_addr ipv4;
  if (inet_pton(AF_INET, host.c_str(), &ipv4) == 1) return ntohl(ipv4.s_addr) >> 24 == 127;
  in6_addr ipv6;
  return inet_pton(AF_INET6, host.c_str(), &ipv6) == 1 && IN6_IS_ADDR_LOOPBACK(&ipv6);
}

}  // namespace

bool IsThisMachine(absl::string_view target) {
  if (absl::StartsWith(target, "unix:") || absl::StartsWith(target, "unix-abstract:")) return true;
  for (absl::string_view scheme : {"ipv4:", "ipv6:", "dns:"}) {
    if (absl::ConsumePrefix(&target, scheme)) break;
  }
  // In "//authority/name" the authority names the DNS server, which does not matter here.
  if (absl::ConsumePrefix(&target, "//")) target.remove_prefix(target.find('/') + 1);
  const std::vector<absl::string_view> endpoints = absl::StrSplit(target, ',');
  for (absl::string_view endpoint : endpoints) {
    if (!IsLoopback(endpoint)) return false;
  }
  return true;
}

}  // namespace vidmuse
