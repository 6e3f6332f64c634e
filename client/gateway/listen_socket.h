// A listening TCP socket.
#ifndef VIDMUSE_CLIENT_GATEWAY_LISTEN_SOCKET_H_
#define VIDMUSE_CLIENT_GATEWAY_LISTEN_SOCKET_H_

#include <string>

#include "absl/status/statusor.h"

namespace vidmuse {

struct ListenSocket {
  int fd = -1;  // the caller closes it
  int port = 0;
};

// `address`: "host:port" or "[IPv6]:port"; port 0 is a free one. INVALID_ARGUMENT: it is none.
// FAILED_PRECONDITION: it can't be listened on.
absl::StatusOr<ListenSocket> Listen(const std::string& address);

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_GATEWAY_LISTEN_SOCKET_H_
