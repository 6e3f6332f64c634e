#include "server/descriptor_limit.h"

#include <sys/resource.h>

#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace vidmuse {
namespace {

// Descriptors for model files, decoders, the log and gRPC itself.
constexpr rlim_t kOtherDescriptors = 256;

rlim_t Needed(int connections) { return 2 * static_cast<rlim_t>(connections) + kOtherDescriptors; }

}  // namespace

absl::StatusOr<int> FitConnections(int connections, bool may_lower) {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return absl::ErrnoToStatus(errno, "getrlimit");
  if (limit.rlim_max < Needed(connections)) {
    if (!may_lower || limit.rlim_max < Needed(1)) {
      return absl::ResourceExhaustedError(
          absl::StrCat("max_connections = ", connections, " takes ", Needed(connections),
                       " file descriptors; the limit of this process is ", limit.rlim_max));
    }
    connections = static_cast<int>((limit.rlim_max - kOtherDescriptors) / 2);
  }
  if (limit.rlim_cur >= Needed(connections)) return connections;
  limit.rlim_cur = Needed(connections);
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return absl::ErrnoToStatus(errno, "setrlimit");
  return connections;
}

}  // namespace vidmuse
