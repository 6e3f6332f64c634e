// The standard health service, which many connections may call with large messages.
#ifndef VIDMUSE_SERVER_HEALTH_SERVICE_H_
#define VIDMUSE_SERVER_HEALTH_SERVICE_H_

#include <cstddef>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "core/base/mutex.h"
#include "grpc/health/v1/health.pb.h"
#include "server/bidi_service.h"

namespace vidmuse {

class HealthCall;
class WatchCall;

// grpc.health.v1.Health: Check, List and Watch. gRPC's own implementation would read the whole
// messages of any number of calls. Here at most `most_reads` are read at once: a further call ends
// the one that has been read for the longest time, with RESOURCE_EXHAUSTED. An honest request is a
// few bytes, which are read at once. Thread-safe. Must outlive gRPC's server.
class HealthService final : public BidiService {
 public:
  explicit HealthService(size_t most_reads);

  // Adds a service or changes its status, and tells those who watch it.
  void SetServingStatus(const std::string& name, bool serving);

 private:
  friend class CheckCall;
  friend class ListCall;
  friend class WatchCall;
  using Status = grpc::health::v1::HealthCheckResponse::ServingStatus;
  using StatusMap = std::map<std::string, Status, std::less<>>;

  // Each read of a request is between these two. Whoever takes a call out of `reads_` ends it:
  // EndRead returns false if a later BeginRead has done so.
  void BeginRead(HealthCall* call) ABSL_LOCKS_EXCLUDED(mutex_);
  bool EndRead(HealthCall* call) ABSL_LOCKS_EXCLUDED(mutex_);

  // SERVICE_UNKNOWN if there is no such service.
  Status StatusOf(absl::string_view name) const ABSL_LOCKS_EXCLUDED(mutex_);
  StatusMap Statuses() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Tells the call the status, and each change until RemoveWatcher.
  void AddWatcher(const std::string& name, const std::shared_ptr<WatchCall>& call)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void RemoveWatcher(const std::string& name, const std::shared_ptr<WatchCall>& call)
      ABSL_LOCKS_EXCLUDED(mutex_);

  const size_t most_reads_;
  mutable Mutex mutex_;
  std::list<HealthCall*> reads_ ABSL_GUARDED_BY(mutex_);  // the oldest first
  StatusMap statuses_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::set<std::shared_ptr<WatchCall>>> watchers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_HEALTH_SERVICE_H_
