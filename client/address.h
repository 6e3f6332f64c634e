// Classifies gRPC targets by where they lead.
#ifndef VIDMUSE_CLIENT_ADDRESS_H_
#define VIDMUSE_CLIENT_ADDRESS_H_

#include "absl/strings/string_view.h"

namespace vidmuse {

// Returns whether everything sent to `target` stays on this machine, which is true for loopback
// addresses, "localhost" and Unix sockets. Other names may resolve to anything, so they don't
// count. `target` is "host:port" or any gRPC target.
bool IsThisMachine(absl::string_view target);

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_ADDRESS_H_
