// Fits the number of connections to the process's limit of file descriptors.
#ifndef VIDMUSE_SERVER_DESCRIPTOR_LIMIT_H_
#define VIDMUSE_SERVER_DESCRIPTOR_LIMIT_H_

#include "absl/status/statusor.h"

namespace vidmuse {

// Raises the soft limit of file descriptors if `connections` need more: two each, plus 256 for the
// rest of the server. Returns `connections`, or, if the hard limit is too low and `may_lower` is
// set, the number that it allows, which is at least 1. Fails with RESOURCE_EXHAUSTED if the hard
// limit allows too few.
absl::StatusOr<int> FitConnections(int connections, bool may_lower);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_DESCRIPTOR_LIMIT_H_
