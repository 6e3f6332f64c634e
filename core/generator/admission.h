// Who may come in: bounds on how many requests and bytes the process holds, and what a refusal
// says.
#ifndef VIDMUSE_GENERATOR_ADMISSION_H_
#define VIDMUSE_GENERATOR_ADMISSION_H_

#include <cstdint>
#include <functional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"
#include "core/engine/scheduler.h"
#include "vidmuse/metrics_sink.h"
#include "vidmuse/types.h"

namespace vidmuse {

enum class RequestPhase {
  kWaiting,     // uploading, decoding, encoding, or queued for a place in the batch
  kPlaced,      // in the batch
  kDelivering,  // every token is made, or none will be; the reader takes the rest
};

// What a request holds memory for, as refusals tell it.
enum class MemoryUse { kUpload, kFrames, kCondition, kSong };

// INVALID_ARGUMENT names the option, its value and its range.
absl::Status ValidateRequest(const GenerationRequest& request, const ModelInfo& model);

class Admission;

// Bytes that admission counts for one request, given back when it is destroyed. Used by one thread
// at a time. Its admission outlives it.
class Reservation {
 public:
  Reservation() = default;
  Reservation(Reservation&& other) noexcept { *this = std::move(other); }
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation() { Release(); }

  uint64_t bytes() const { return bytes_; }

  // Grows or shrinks it in one step: nobody else can take the bytes in between. RESOURCE_EXHAUSTED
  // leaves it as it was: all together would hold more than Limits::max_queued_bytes. `use` is what
  // takes the most of `bytes`.
  absl::Status Resize(uint64_t bytes, MemoryUse use);
  // `bytes` of it, of which it has at least so many, as a reservation of their own.
  Reservation Split(uint64_t bytes);
  void Release();

 private:
  friend class Admission;
  Reservation(Admission* admission, uint64_t bytes) : admission_(admission), bytes_(bytes) {}

  Admission* admission_ = nullptr;  // null: empty for good
  uint64_t bytes_ = 0;
};

// Thread-safe.
class Admission {
 public:
  // `load`: of the device that the next request goes to, asked for at each decision.
  Admission(const Limits& limits, MetricsSink* metrics, std::function<SchedulerLoad()> load);

  // Lets one request in, as waiting, with `bytes` reserved, of which `use` is the most; or refuses
  // it (see Generator::Submit).
  absl::StatusOr<Reservation> Enter(const GenerationRequest& request, uint64_t bytes,
                                    MemoryUse use);
  void Move(RequestPhase from, RequestPhase to);
  // Its memory is gone.
  void Leave(RequestPhase from);

  void BeginDrain();
  // True once no request is left.
  bool WaitUntilEmpty(absl::Duration timeout);

 private:
  friend class Reservation;

  // What Reservation::Resize does.
  absl::Status Resize(uint64_t from, uint64_t to, MemoryUse use) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status TryToResize(uint64_t from, uint64_t to, MemoryUse use)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  int& Count(RequestPhase phase) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return counts_[static_cast<int>(phase)];
  }
  int live() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return counts_[0] + counts_[1] + counts_[2];
  }
  absl::Status CheckRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Report() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Limits limits_;
  MetricsSink* const metrics_;
  const std::function<SchedulerLoad()> load_;

  mutable Mutex mutex_;
  int counts_[3] ABSL_GUARDED_BY(mutex_) = {};  // by phase
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // of all reservations
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace vidmuse

#endif  // VIDMUSE_GENERATOR_ADMISSION_H_
