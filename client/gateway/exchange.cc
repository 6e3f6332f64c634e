#include "client/gateway/exchange.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>

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

std::string Exchange::ClientNetwork() const {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  const sockaddr* const address = info == nullptr ? nullptr : info->client_addr;
  char text[INET6_ADDRSTRLEN] = {};
  if (address != nullptr && address->sa_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text,
              sizeof(text));
  } else if (address != nullptr && address->sa_family == AF_INET6) {
    in6_addr network = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    if (!IN6_IS_ADDR_V4MAPPED(&network)) std::fill_n(network.s6_addr + 8, 8, uint8_t{0});
    inet_ntop(AF_INET6, &network, text, sizeof(text));
  }
  return text;
}

bool Exchange::Gone() const {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  pollfd socket = {.fd = info->connect_fd, .events = POLLRDHUP, .revents = 0};
  return poll(&socket, 1, 0) > 0 && (socket.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

}  // namespace vidmuse
