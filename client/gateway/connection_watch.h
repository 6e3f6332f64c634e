// Watches what connections wait for: requests and their bodies.
#ifndef VIDMUSE_CLIENT_GATEWAY_CONNECTION_WATCH_H_
#define VIDMUSE_CLIENT_GATEWAY_CONNECTION_WATCH_H_

#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"

namespace vidmuse {

// Gives up a connection whose client doesn't send in time, however slowly it drips. The client gets
// an answer with code 408, except over TLS and between two requests, where the connection is shut
// down alone. Thread-safe.
class ConnectionWatch {
 public:
  struct Limits {
    absl::Duration header;  // for a request's header, and between two requests
    absl::Duration idle;    // between two pieces of a body
    absl::Duration body;    // for a whole body, from its request's beginning
    bool tls = false;
  };

  explicit ConnectionWatch(const Limits& limits);
  ~ConnectionWatch();
  ConnectionWatch(const ConnectionWatch&) = delete;
  ConnectionWatch& operator=(const ConnectionWatch&) = delete;

  // `connection` is only a name for the socket `fd`, which must be open until Remove.
  void Add(const void* connection, int fd);
  void Remove(const void* connection);

  // A request's header is whole.
  void BeginRequest(const void* connection);
  // A piece of its body has come.
  void Receive(const void* connection);
  // Nothing more of it is waited for. May be called more than once.
  void BeginAnswer(const void* connection);
  // The request was answered, or its connection broke. DEADLINE_EXCEEDED: it was given up.
  absl::Status EndRequest(const void* connection);

  // Waits until no request runs, at most `timeout`.
  void WaitForRequests(absl::Duration timeout);

 private:
  enum class State { kNew, kBody, kAnswer, kBetween, kGivenUp };
  struct Connection {
    int fd = -1;
    State state = State::kNew;
    absl::Duration begin = absl::ZeroDuration();  // of `state`
    absl::Duration last = absl::ZeroDuration();   // piece of the body
    absl::Status failure;                         // why it was given up
  };

  void Run();
  // OK: the connection may go on.
  absl::Status Check(const Connection& connection, absl::Duration now) const;
  void GiveUp(Connection& connection) const;
  void Enter(const void* connection, State state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Limits limits_;
  Mutex mutex_;
  absl::flat_hash_map<const void*, Connection> connections_ ABSL_GUARDED_BY(mutex_);
  int requests_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_GATEWAY_CONNECTION_WATCH_H_
