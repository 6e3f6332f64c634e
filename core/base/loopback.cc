#include "core/base/loopback.h"

#include <arpa/inet.h>

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace vidmuse {

bool IsLoopback(absl::string_view endpoint) {
  std::string host(endpoint);
  const size_t bracket = endpoint.find(']');
  if (absl::StartsWith(endpoint, "[") && bracket != absl::string_view::npos) {
    host = std::string(endpoint.substr(1, bracket - 1));
  } else if (const size_t colon = endpoint.find(':'); colon == endpoint.rfind(':')) {
    host = std::string(endpoint.substr(0, colon));
  }
  if (absl::AsciiStrToLower(host) == "localhost") return true;
  in_addr ipv4;
  if (inet_pton(AF_INET, host.c_str(), &ipv4) == 1) return ntohl(ipv4.s_addr) >> 24 == 127;
  in6_addr ipv6;
  return inet_pton(AF_INET6, host.c_str(), &ipv6) == 1 && IN6_IS_ADDR_LOOPBACK(&ipv6);
}

}  // namespace vidmuse
