#include "server/connection_listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

constexpr int kBacklog = 1024;
constexpr int kRetryMilliseconds = 100;  // after accepting failed
// For model files, decoders, the log, gRPC's own.
constexpr rlim_t kOtherDescriptors = 256;

absl::Status RaiseDescriptorLimit(int max_connections) {
  const rlim_t needed = 2 * static_cast<rlim_t>(max_connections) + kOtherDescriptors;
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return absl::ErrnoToStatus(errno, "getrlimit");
  if (limit.rlim_cur >= needed) return absl::OkStatus();
  if (limit.rlim_max < needed) {
    return absl::ResourceExhaustedError(
        absl::StrCat("max_connections = ", max_connections, " takes ", needed,
                     " file descriptors; the limit of this process is ", limit.rlim_max));
  }
  limit.rlim_cur = needed;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return absl::ErrnoToStatus(errno, "setrlimit");
  return absl::OkStatus();
}

int PortOf(int socket) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

absl::StatusOr<UniqueFd> ListenOn(const addrinfo& info, int port) {
  UniqueFd fd(socket(info.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return absl::UnavailableError(std::strerror(errno));
  const int on = 1, off = 0;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  // Connections inherit it.
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr_storage address = {};
  std::memcpy(&address, info.ai_addr, info.ai_addrlen);
  if (info.ai_family == AF_INET6) {
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));  // [::] takes both
    reinterpret_cast<sockaddr_in6&>(address).sin6_port = htons(static_cast<uint16_t>(port));
  } else {
    reinterpret_cast<sockaddr_in&>(address).sin_port = htons(static_cast<uint16_t>(port));
  }
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), info.ai_addrlen) != 0 ||
      listen(fd.get(), kBacklog) != 0) {
    return absl::UnavailableError(std::strerror(errno));
  }
  return fd;
}

// A socket for each of the host's addresses, on one port.
absl::StatusOr<std::vector<UniqueFd>> ListenOnAll(const std::string& address) {
  const size_t colon = address.rfind(':');
  absl::string_view host(address.data(), colon);
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  int port = 0;
  if (!absl::SimpleAtoi(address.substr(colon + 1), &port)) {
    return absl::UnavailableError("not host:port");
  }
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(std::string(host).c_str(), nullptr, &hints, &found);
  if (error != 0) return absl::UnavailableError(gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> all(found, &freeaddrinfo);
  std::vector<UniqueFd> sockets;
  absl::Status failure;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    absl::StatusOr<UniqueFd> socket = ListenOn(*info, port);
    if (!socket.ok()) {
      failure = socket.status();
      continue;
    }
    if (port == 0) port = PortOf(socket->get());
    sockets.push_back(*std::move(socket));
  }
  // "localhost" may name an address that this host has not.
  if (sockets.empty()) return failure;
  return sockets;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ConnectionListener>> ConnectionListener::Listen(
    const std::string& address, int max_connections) {
  RETURN_IF_ERROR(RaiseDescriptorLimit(max_connections));
  absl::StatusOr<std::vector<UniqueFd>> sockets = ListenOnAll(address);
  if (!sockets.ok()) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address, ": ", sockets.status().message()));
  }
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  UniqueFd stop(eventfd(0, EFD_CLOEXEC));
  if (epoll.get() < 0 || stop.get() < 0) return absl::ErrnoToStatus(errno, "epoll");
  const int port = PortOf(sockets->front().get());
  // The constructor is private: std::make_unique cannot call it.
  return std::unique_ptr<ConnectionListener>(new ConnectionListener(
      *std::move(sockets), port, max_connections, std::move(epoll), std::move(stop)));
}

ConnectionListener::ConnectionListener(std::vector<UniqueFd> sockets, int port, int max_connections,
                                       UniqueFd epoll, UniqueFd stop)
    : sockets_(std::move(sockets)),
      port_(port),
      max_connections_(max_connections),
      epoll_(std::move(epoll)),
      stop_(std::move(stop)) {}

ConnectionListener::~ConnectionListener() {
  if (!thread_.joinable()) return;
  eventfd_write(stop_.get(), 1);
  thread_.join();
}

void ConnectionListener::Start(
    std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor,
    std::function<void()> on_full) {
  acceptor_ = std::move(acceptor);
  on_full_ = std::move(on_full);
  thread_ = std::thread([this] { Run(); });
}

bool ConnectionListener::Watch(int fd, uint32_t events) {
  epoll_event event = {};
  event.events = events;
  event.data.fd = fd;
  return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void ConnectionListener::WatchSockets(bool on) {
  if (std::exchange(accepting_, on) == on) return;
  for (const UniqueFd& socket : sockets_) {
    if (on) {
      Watch(socket.get(), EPOLLIN);
    } else {
      epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket.get(), nullptr);
    }
  }
}

void ConnectionListener::Run() {
  pthread_setname_np(pthread_self(), "vm-accept");
  Watch(stop_.get(), EPOLLIN);
  WatchSockets(true);
  for (;;) {
    epoll_event events[64];
    const int count = epoll_wait(epoll_.get(), events, 64, accepting_ ? -1 : kRetryMilliseconds);
    WatchSockets(true);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == stop_.get()) return;
      if (open_.count(fd) > 0) {
        // gRPC may still have its descriptor: closing this one would not be enough.
        epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
        open_.erase(fd);
        full_ = false;
        connections_ = static_cast<int>(open_.size());
      } else if (!AcceptAll(fd)) {
        WatchSockets(false);
      }
    }
  }
}

bool ConnectionListener::AcceptAll(int socket) {
  for (;;) {
    UniqueFd connection(accept4(socket, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection.get() >= 0) {
      Admit(std::move(connection));
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return errno == EAGAIN || errno == EWOULDBLOCK;
    }
  }
}

void ConnectionListener::Admit(UniqueFd connection) {
  if (static_cast<int>(open_.size()) >= max_connections_) {
    ++refused_;
    if (!std::exchange(full_, true)) on_full_();
    return;
  }
  // gRPC shuts a socket down before it closes it: the second descriptor learns of that.
  UniqueFd second(fcntl(connection.get(), F_DUPFD_CLOEXEC, 0));
  const int fd = second.get();
  if (fd < 0 || !Watch(fd, 0)) {  // that it was shut down is always told
    ++refused_;
    return;
  }
  open_.emplace(fd, std::move(second));
  connections_ = static_cast<int>(open_.size());
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
  parameters.fd = connection.Release();
  acceptor_->HandleNewConnection(&parameters);
}

}  // namespace vidmuse
