// Accepts connections for gRPC, up to a limit. gRPC 1.51 has no connection limit: once descriptors
// run out, its own listener stops accepting permanently.
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

// A connection beyond the limit is closed as soon as it is accepted. Thread-safe except for Start.
class ConnectionListener {
 public:
  // Listens on `address` ("host:port"); port 0 picks a free port. Fails with UNAVAILABLE if it
  // cannot listen there. Each connection takes two file descriptors; see FitConnections.
  static absl::StatusOr<std::unique_ptr<ConnectionListener>> Listen(const std::string& address,
                                                                    int max_connections);
  // Stops accepting.
  ~ConnectionListener();
  ConnectionListener(const ConnectionListener&) = delete;
  ConnectionListener& operator=(const ConnectionListener&) = delete;

  int port() const { return port_; }

  // Starts passing connections to `acceptor`, whose server must be running. `on_full` is called on
  // the first refusal after there was room.
  void Start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor,
             std::function<void()> on_full);

  // Closes the listening sockets; open connections stay. Must return before gRPC's server is shut
  // down, because a server in shutdown would neither take nor close new connections.
  void StopAccepting() ABSL_LOCKS_EXCLUDED(mutex_);

  int max_connections() const { return max_connections_; }
  int connections() const { return connections_; }
  int64_t refused() const { return refused_; }

 private:
  ConnectionListener(std::vector<UniqueFd> sockets, int port, int max_connections, UniqueFd epoll,
                     UniqueFd command);

  void Run();
  // Does what StopAccepting or the destructor asked for. Returns true if the thread must end.
  bool ObeyCommand() ABSL_LOCKS_EXCLUDED(mutex_);
  bool Watch(int fd, uint32_t events);
  void WatchSockets(bool on);
  // Returns false for a socket that was closed after epoll had reported its event.
  bool IsListening(int fd) const;
  // Accepts all waiting connections. Returns false if accepting fails, for example because
  // descriptors have run out.
  bool AcceptAll(int socket);
  void Admit(UniqueFd connection);

  const int port_;
  const int max_connections_;
  const UniqueFd epoll_;
  const UniqueFd command_;  // an eventfd that wakes the thread to obey a command
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::function<void()> on_full_;
  std::atomic<int> connections_{0};
  std::atomic<int64_t> refused_{0};
  Mutex mutex_;
  bool must_stop_accepting_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_accepting_ ABSL_GUARDED_BY(mutex_) = false;
  bool must_end_ ABSL_GUARDED_BY(mutex_) = false;
  // The members from here on, except `thread_`, are used by the thread alone.
  std::vector<UniqueFd> sockets_;  // listening sockets
  std::map<int, UniqueFd> open_;   // a second descriptor of each connection that gRPC has
  bool accepting_ = false;
  bool full_ = false;
  // Must be the last member, because the thread uses all of the above.
  std::thread thread_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_CONNECTION_LISTENER_H_
