#include "client/address.h"

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/base/loopback.h"

namespace vidmuse {
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
