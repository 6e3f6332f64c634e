// How many connections the process's limit of file descriptors allows.
#ifndef VIDMUSE_SERVER_DESCRIPTOR_LIMIT_H_
#define VIDMUSE_SERVER_DESCRIPTOR_LIMIT_H_

#include "absl/status/statusor.h"

namespace vidmuse {

// Raises the soft limit of file descriptors if `connections` need it (two each, and some for the
// rest of the server). Returns `connections`; if the hard limit is too low and `may_lower`, as many
// as it allows, one at least. RESOURCE_EXHAUSTED: it allows too few.
absl::StatusOr<int> FitConnections(int connections, bool may_lower);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_DESCRIPTOR_LIMIT_H_
