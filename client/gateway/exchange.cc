#include "client/gateway/exchange.h"

#include <poll.h>

#include "absl/random/random.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"

namespace vidmuse {
namespace {

constexpr size_t kMaxHeaderText = 256;

}  // namespace

std::string NewRequestId() {
  absl::BitGen random;
  return absl::StrFormat("%016x%016x", absl::Uniform<uint64_t>(random),
                         absl::Uniform<uint64_t>(random));
}

bool IsVisible(absl::string_view text) {
  if (text.empty() || text.size() > kMaxHeaderText) return false;
  for (const unsigned char c : text) {
    if (!absl::ascii_isgraph(c)) return false;
  }
  return true;
}

std::string Exchange::Header(const char* name) const {
  const char* value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
  return value == nullptr ? "" : value;
}

bool Exchange::Gone() const {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  pollfd socket = {.fd = info->connect_fd, .events = POLLRDHUP, .revents = 0};
  return poll(&socket, 1, 0) > 0 && (socket.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

}  // namespace vidmuse
