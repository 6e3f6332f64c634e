// Accepts connections for gRPC, up to a limit, which gRPC 1.51 has none of: there, connections go
// on until descriptors run out, and then the port is dead for good.
#ifndef VIDMUSE_SERVER_CONNECTION_LISTENER_H_
#define VIDMUSE_SERVER_CONNECTION_LISTENER_H_

#include <grpcpp/server_builder.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/unique_fd.h"

namespace vidmuse {

// A connection beyond the limit is closed as soon as it is accepted. Thread-safe but for Start.
class ConnectionListener {
 public:
  // Listens on `address`, host:port; port 0: a free one. UNAVAILABLE: it cannot.
  // RESOURCE_EXHAUSTED: the process may not open the descriptors that `max_connections` take, two
  // each; the soft limit is raised if need be.
  static absl::StatusOr<std::unique_ptr<ConnectionListener>> Listen(const std::string& address,
                                                                    int max_connections);
  // Stops accepting.
  ~ConnectionListener();
  ConnectionListener(const ConnectionListener&) = delete;
  ConnectionListener& operator=(const ConnectionListener&) = delete;

  int port() const { return port_; }

  // Accepts for a server that runs, from now on. `on_full` is called each time the limit is met
  // after there was room.
  void Start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor,
             std::function<void()> on_full);

  int connections() const { return connections_; }
  int64_t refused() const { return refused_; }

 private:
  ConnectionListener(std::vector<UniqueFd> sockets, int port, int max_connections, UniqueFd epoll,
                     UniqueFd stop);

  void Run();
  bool Watch(int fd, uint32_t events);
  void WatchSockets(bool on);
  // False: it fails, as when descriptors have run out.
  bool AcceptAll(int socket);
  void Admit(UniqueFd connection);

  const std::vector<UniqueFd> sockets_;
  const int port_;
  const int max_connections_;
  const UniqueFd epoll_;
  const UniqueFd stop_;  // an event
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::function<void()> on_full_;
  std::atomic<int> connections_{0};
  std::atomic<int64_t> refused_{0};
  // The thread's alone.
  std::map<int, UniqueFd> open_;  // a second descriptor of each connection that gRPC has
  bool accepting_ = false;
  bool full_ = false;
  std::thread thread_;  // last: uses all of the above
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_CONNECTION_LISTENER_H_
