// Who may come in: bounds on how many requests and bytes the process holds, and what a refusal
// says.
#ifndef VIDMUSE_GENERATOR_ADMISSION_H_
#define VIDMUSE_GENERATOR_ADMISSION_H_

#include <cstdint>
#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"
#include "core/engine/scheduler.h"
#include "vidmuse/metrics_sink.h"
#include "vidmuse/types.h"

namespace vidmuse {

enum class RequestPhase {
  kWaiting,     // uploading, decoding, encoding, or queued for a place in the batch
  kPlaced,      // in the batch
  kDelivering,  // every token is made; the reader takes the rest
};

// INVALID_ARGUMENT names the option, its value and its range.
absl::Status ValidateRequest(const GenerationRequest& request, const ModelInfo& model);

// Thread-safe.
class Admission {
 public:
  // `load`: of the device that the next request goes to, asked for at each decision.
  Admission(const Limits& limits, MetricsSink* metrics, std::function<SchedulerLoad()> load);

  // Lets one request in, as waiting, or refuses (see Generator::Submit).
  absl::Status Enter(const GenerationRequest& request);
  void Move(RequestPhase from, RequestPhase to);
  // Its memory is gone.
  void Leave(RequestPhase from);

  // Bytes held for requests, all together. RESOURCE_EXHAUSTED: over Limits::max_queued_bytes.
  absl::Status Reserve(uint64_t bytes);
  void Release(uint64_t bytes);

  void BeginDrain();
  // True once no request is left.
  bool WaitUntilEmpty(absl::Duration timeout);

 private:
  int& Count(RequestPhase phase) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return counts_[static_cast<int>(phase)];
  }
  int live() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return counts_[0] + counts_[1] + counts_[2];
  }
  absl::Status CheckRoom(const GenerationRequest& request) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Report() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Limits limits_;
  MetricsSink* const metrics_;
  const std::function<SchedulerLoad()> load_;

  mutable Mutex mutex_;
  int counts_[3] ABSL_GUARDED_BY(mutex_) = {};  // by phase
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace vidmuse

#endif  // VIDMUSE_GENERATOR_ADMISSION_H_
