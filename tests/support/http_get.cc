#include "tests/support/http_get.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace vidmuse {
namespace {

struct Socket {
  ~Socket() { close(fd); }
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
};

}  // namespace

absl::StatusOr<std::string> HttpGet(int port, const std::string& path) {
  Socket socket;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket.fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return absl::UnavailableError(absl::StrCat("cannot connect to port ", port));
  }
  const std::string request =
      absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  if (send(socket.fd, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return absl::UnavailableError("cannot send");
  }
  std::string answer;
  char buffer[4096];
  ssize_t count = 0;
  while ((count = recv(socket.fd, buffer, sizeof(buffer), 0)) > 0) answer.append(buffer, count);
  if (count < 0) return absl::UnavailableError("cannot receive");
  return answer;
}

}  // namespace vidmuse
