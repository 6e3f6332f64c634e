// Watches connections between their requests.
#ifndef VIDMUSE_CLIENT_GATEWAY_CONNECTION_WATCH_H_
#define VIDMUSE_CLIENT_GATEWAY_CONNECTION_WATCH_H_

#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"

namespace vidmuse {

// Shuts a connection down whose next request doesn't come within a time, however slowly its header
// drips in. Thread-safe.
class ConnectionWatch {
 public:
  explicit ConnectionWatch(absl::Duration header_timeout);
  ~ConnectionWatch();
  ConnectionWatch(const ConnectionWatch&) = delete;
  ConnectionWatch& operator=(const ConnectionWatch&) = delete;

  // `connection` is only a name for the socket `fd`, which must be open until Remove.
  void Add(const void* connection, int fd);
  void Remove(const void* connection);
  // A request's header is whole; the request was answered.
  void BeginRequest(const void* connection);
  void EndRequest(const void* connection);

  // Waits until no request runs, at most `timeout`.
  void WaitForRequests(absl::Duration timeout);

 private:
  struct Connection {
    int fd = -1;
    bool in_request = false;
    absl::Duration since = absl::ZeroDuration();  // the last request's end, or the beginning
  };

  void Run();

  const absl::Duration header_timeout_;
  Mutex mutex_;
  absl::flat_hash_map<const void*, Connection> connections_ ABSL_GUARDED_BY(mutex_);
  int requests_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_GATEWAY_CONNECTION_WATCH_H_
