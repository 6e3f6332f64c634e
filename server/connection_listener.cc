#include "server/connection_listener.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "core/base/listen_socket.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

// Time until the next try after accepting has failed.
constexpr int kRetryMilliseconds = 100;

}  // namespace

absl::StatusOr<std::unique_ptr<ConnectionListener>> ConnectionListener::Listen(
    const std::string& address, int max_connections) {
  ASSIGN_OR_RETURN(std::vector<UniqueFd> sockets, ListenOnAll(address));
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  UniqueFd command(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (epoll.get() < 0 || command.get() < 0) return absl::ErrnoToStatus(errno, "epoll");
  const int port = PortOf(sockets.front().get());
  // std::make_unique cannot call the private constructor.
  return std::unique_ptr<ConnectionListener>(new ConnectionListener(
      std::move(sockets), port, max_connections, std::move(epoll), std::move(command)));
}

ConnectionListener::ConnectionListener(std::vector<UniqueFd> sockets, int port, int max_connections,
                                       UniqueFd epoll, UniqueFd command)
    : port_(port),
      max_connections_(max_connections),
      epoll_(std::move(epoll)),
      command_(std::move(command)),
      sockets_(std::move(sockets)) {}

ConnectionListener::~ConnectionListener() {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(&mutex_);
    must_end_ = true;
  }
  eventfd_write(command_.get(), 1);
  thread_.join();
}

void ConnectionListener::StopAccepting() {
  if (!thread_.joinable()) return;
  MutexLock lock(&mutex_);
  must_stop_accepting_ = true;
  eventfd_write(command_.get(), 1);
  mutex_.Await([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopped_accepting_; });
}

bool ConnectionListener::ObeyCommand() {
  eventfd_t ignored = 0;
  eventfd_read(command_.get(), &ignored);
  MutexLock lock(&mutex_);
  if (must_stop_accepting_ && !stopped_accepting_) {
    sockets_.clear();  // closing a socket removes it from epoll
    stopped_accepting_ = true;
  }
  return must_end_;
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
  Watch(command_.get(), EPOLLIN);
  WatchSockets(true);
  for (;;) {
    epoll_event events[64];
    const int count = epoll_wait(epoll_.get(), events, 64, accepting_ ? -1 : kRetryMilliseconds);
    WatchSockets(true);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == command_.get()) {
        if (ObeyCommand()) return;
      } else if (open_.contains(fd)) {
        // Closing this descriptor does not remove it from epoll while gRPC has the other one.
        epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
        open_.erase(fd);
        full_ = false;
        connections_ = static_cast<int>(open_.size());
      } else if (IsListening(fd) && !AcceptAll(fd)) {
        WatchSockets(false);
      }
    }
  }
}

bool ConnectionListener::IsListening(int fd) const {
  return std::any_of(sockets_.begin(), sockets_.end(),
                     [fd](const UniqueFd& socket) { return socket.get() == fd; });
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
  // gRPC shuts a socket down before it closes it, and epoll reports that on this second descriptor.
  UniqueFd second(fcntl(connection.get(), F_DUPFD_CLOEXEC, 0));
  const int fd = second.get();
  // epoll always reports EPOLLHUP, so no event is requested.
  if (fd < 0 || !Watch(fd, 0)) {
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
