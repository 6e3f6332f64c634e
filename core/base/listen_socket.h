// Listening TCP sockets.
#ifndef VIDMUSE_BASE_LISTEN_SOCKET_H_
#define VIDMUSE_BASE_LISTEN_SOCKET_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/unique_fd.h"

namespace vidmuse {

// Opens a socket for each of the host's addresses, at least one, all on the same port. They don't
// block. `address`: "host:port" or "[IPv6]:port"; port 0 is a free one. UNAVAILABLE: the address is
// none, or can't be listened on.
absl::StatusOr<std::vector<UniqueFd>> ListenOnAll(const std::string& address);

// 0: `socket` is no bound TCP socket.
int PortOf(int socket);

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_LISTEN_SOCKET_H_
