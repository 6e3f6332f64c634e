// What a gRPC target says about where it leads.
#ifndef VIDMUSE_CLIENT_ADDRESS_H_
#define VIDMUSE_CLIENT_ADDRESS_H_

#include "absl/strings/string_view.h"

namespace vidmuse {

// Whether everything sent to `target` stays on this machine: loopback addresses, "localhost" and
// Unix sockets. "host:port" or a target of gRPC's; another name may resolve to anything.
bool IsThisMachine(absl::string_view target);

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_ADDRESS_H_
