// Tells addresses that lead to this machine from all others.
#ifndef VIDMUSE_BASE_LOOPBACK_H_
#define VIDMUSE_BASE_LOOPBACK_H_

#include "absl/strings/string_view.h"

namespace vidmuse {

// Returns whether `endpoint` is a loopback address or "localhost", with or without a port:
// "127.0.0.1:80", "[::1]:80", "::1". Other names may resolve to anything, so they don't count.
bool IsLoopback(absl::string_view endpoint);

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_LOOPBACK_H_
