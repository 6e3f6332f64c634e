// Keeps the standard health service up to date.
#ifndef VIDMUSE_SERVER_HEALTH_H_
#define VIDMUSE_SERVER_HEALTH_H_

#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"
#include "server/health_service.h"
#include "vidmuse/generator.h"

namespace vidmuse {

// The health service "liveness" follows Generator::Health(). The services "", "readiness" and
// MusicService's full name also stop serving while the server drains. Thread-safe.
class HealthReporter {
 public:
  // Both pointers must outlive this. The generator's health is read every `period`.
  HealthReporter(const Generator* generator, HealthService* service, absl::Duration period);
  ~HealthReporter();
  HealthReporter(const HealthReporter&) = delete;
  HealthReporter& operator=(const HealthReporter&) = delete;

  // Reports from now on that this server takes no new requests.
  void SetDraining();

 private:
  void Run();
  void Update() ABSL_LOCKS_EXCLUDED(mutex_);

  const Generator* const generator_;
  HealthService* const service_;
  const absl::Duration period_;

  Mutex mutex_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // The states last reported. The service wakes its watchers at every report, so only changes are
  // reported.
  std::optional<bool> live_ ABSL_GUARDED_BY(mutex_);
  std::optional<bool> ready_ ABSL_GUARDED_BY(mutex_);

  // Must be the last member, because the thread uses all of the above.
  std::thread thread_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_HEALTH_H_
