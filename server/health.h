// Keeps the standard health service up to date.
#ifndef VIDMUSE_SERVER_HEALTH_H_
#define VIDMUSE_SERVER_HEALTH_H_

#include <grpcpp/health_check_service_interface.h>

#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"
#include "vidmuse/generator.h"

namespace vidmuse {

// "liveness" follows Generator::Health(). "", "readiness" and the service's name also stop serving
// while draining. Thread-safe.
class HealthReporter {
 public:
  // Both outlive this. Looks at the generator every `period`.
  HealthReporter(const Generator* generator, grpc::HealthCheckServiceInterface* service,
                 absl::Duration period);
  ~HealthReporter();
  HealthReporter(const HealthReporter&) = delete;
  HealthReporter& operator=(const HealthReporter&) = delete;

  // From now on this server wants no new requests.
  void SetDraining();

 private:
  void Run();
  void Update() ABSL_LOCKS_EXCLUDED(mutex_);

  const Generator* const generator_;
  grpc::HealthCheckServiceInterface* const service_;
  const absl::Duration period_;

  Mutex mutex_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // What the service was told last: it wakes its watchers each time it is told.
  std::optional<bool> live_ ABSL_GUARDED_BY(mutex_);
  std::optional<bool> ready_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;  // last: uses all of the above
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_HEALTH_H_
