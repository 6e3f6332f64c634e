// Accepts connections for gRPC, up to a limit. gRPC 1.51 has no such limit: once descriptors run
// out, its own listener stops accepting for good.
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

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "core/base/unique_fd.h"

namespace vidmuse {

// A connection beyond the limit is closed as soon as it is accepted. Thread-safe but for Start.
class ConnectionListener {
 public:
  // Listens on `address`, host:port; port 0: a free one. UNAVAILABLE: it cannot. A connection takes
  // two file descriptors: see FitConnections.
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

  // Closes the listening sockets; connections that are open stay. When this returns, gRPC is given
  // no more of them, and its server may be shut down: it would neither take nor close them.
  void StopAccepting() ABSL_LOCKS_EXCLUDED(mutex_);

  int max_connections() const { return max_connections_; }
  int connections() const { return connections_; }
  int64_t refused() const { return refused_; }

 private:
  ConnectionListener(std::vector<UniqueFd> sockets, int port, int max_connections, UniqueFd epoll,
                     UniqueFd command);

  void Run();
  // What StopAccepting or the destructor asks for. True: the thread must end.
  bool ObeyCommand() ABSL_LOCKS_EXCLUDED(mutex_);
  bool Watch(int fd, uint32_t events);
  void WatchSockets(bool on);
  // False for a socket that was closed while its event was on its way.
  bool IsListening(int fd) const;
  // False: it fails, as when descriptors have run out.
  bool AcceptAll(int socket);
  void Admit(UniqueFd connection);

  const int port_;
  const int max_connections_;
  const UniqueFd epoll_;
  const UniqueFd command_;  // an event: look at what is asked for
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::function<void()> on_full_;
  std::atomic<int> connections_{0};
  std::atomic<int64_t> refused_{0};
  Mutex mutex_;
  bool must_stop_accepting_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_accepting_ ABSL_GUARDED_BY(mutex_) = false;
  bool must_end_ ABSL_GUARDED_BY(mutex_) = false;
  // The thread's alone.
  std::vector<UniqueFd> sockets_;  // that listen
  std::map<int, UniqueFd> open_;   // a second descriptor of each connection that gRPC has
  bool accepting_ = false;
  bool full_ = false;
  std::thread thread_;  // last: uses all of the above
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_CONNECTION_LISTENER_H_
