// The service that tells balancers the load beside the calls, out of band.
#ifndef VIDMUSE_SERVER_LOAD_SERVICE_H_
#define VIDMUSE_SERVER_LOAD_SERVICE_H_

#include <cstddef>
#include <memory>
#include <set>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "server/bidi_service.h"
#include "server/load_meter.h"

namespace vidmuse {

class LoadStream;

// xds.service.orca.v3.OpenRcaService. A stream gets a report at once and then one each interval
// that its client asks for, 30 s if it asks for none and 1 s at least. Thread-safe. Must outlive
// gRPC's server.
class LoadService final : public BidiService {
 public:
  static constexpr absl::Duration kLeastInterval = absl::Seconds(1);
  static constexpr absl::Duration kDefaultInterval = absl::Seconds(30);
  // For a call's request to come.
  static constexpr absl::Duration kRequestTimeout = absl::Seconds(10);

  // More than `most_streams` at once get RESOURCE_EXHAUSTED. `meter` must outlive the service.
  LoadService(const LoadMeter* meter, size_t most_streams, const Clock* clock);
  ~LoadService() override;

 private:
  friend class LoadStream;

  // False: there are too many already.
  bool Enter(const std::shared_ptr<LoadStream>& stream) ABSL_LOCKS_EXCLUDED(mutex_);
  void Leave(const std::shared_ptr<LoadStream>& stream) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Duration Now() const { return clock_->Monotonic(); }
  // Looks every second, while there are streams, which of them are due.
  void Run();

  const LoadMeter* const meter_;
  const size_t most_streams_;
  const Clock* const clock_;
  Mutex mutex_;
  std::set<std::shared_ptr<LoadStream>> streams_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // the last member, because it uses the others
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_LOAD_SERVICE_H_
