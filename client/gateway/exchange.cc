#include "client/gateway/exchange.h"

#include <poll.h>

#include "client/request_id.h"

namespace vidmuse {
namespace {

constexpr size_t kMaxHeaderText = 256;

}  // namespace

bool MayBePassedOn(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxHeaderText && IsVisible(text);
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
