// Admission control: limits how many requests and bytes the process holds, and words the refusals.
#ifndef VIDMUSE_GENERATOR_ADMISSION_H_
#define VIDMUSE_GENERATOR_ADMISSION_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"
#include "core/engine/scheduler.h"
#include "vidmuse/limits.h"
#include "vidmuse/metrics_sink.h"
#include "vidmuse/model_info.h"
#include "vidmuse/request.h"

namespace vidmuse {

enum class RequestPhase {
  kWaiting,     // uploading, decoding, encoding, or queued for a place in the batch
  kPlaced,      // in the batch
  kDelivering,  // every token is made, or no more will be; the reader takes the rest
};

// What a request holds memory for. Refusals name it.
enum class MemoryUse { kUpload, kVideo, kFrames, kCondition, kSong };

// Checks the request's options. INVALID_ARGUMENT names the option, its value and its range.
// UNIMPLEMENTED: the model takes no prompts.
absl::Status ValidateRequest(const GenerationRequest& request, const ModelInfo& model,
                             const Limits& limits);

class Admission;

// Bytes that admission counts for one request. They are given back when the reservation is
// destroyed. Used by one thread at a time. The Admission must outlive it.
class Reservation {
 public:
  Reservation() = default;
  Reservation(Reservation&& other) noexcept { *this = std::move(other); }
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation() { Release(); }

  uint64_t bytes() const { return bytes_; }

  // Grows or shrinks the reservation to `bytes` in one step, so that no other request can take the
  // bytes in between. `use` is what takes most of them. RESOURCE_EXHAUSTED if all reservations
  // together would exceed Limits::max_queued_bytes, or those of the request's API key half of it;
  // then the reservation stays as it was.
  absl::Status Resize(uint64_t bytes, MemoryUse use);
  // Moves `bytes` <= bytes() of it into a reservation of their own.
  Reservation Split(uint64_t bytes);
  void Release();

 private:
  friend class Admission;
  Reservation(Admission* admission, std::string key, uint64_t bytes)
      : admission_(admission), key_(std::move(key)), bytes_(bytes) {}

  Admission* admission_ = nullptr;  // null: empty, and Resize does nothing
  std::string key_;                 // GenerationRequest::client_key
  uint64_t bytes_ = 0;
};

// Thread-safe.
class Admission {
 public:
  // `load` returns the load of the device that the next request goes to. It is called when a
  // decision depends on it: if the request has a deadline, and for each refusal that says when to
  // come back.
  Admission(const Limits& limits, MetricsSink* metrics, std::function<SchedulerLoad()> load);

  // Admits one request in phase kWaiting with `bytes` reserved, or refuses it (see
  // Generator::Submit). `use` is what takes most of the bytes.
  absl::StatusOr<Reservation> Enter(const GenerationRequest& request, uint64_t bytes,
                                    MemoryUse use);
  void Move(RequestPhase from, RequestPhase to);
  // To be called when an admitted request is gone and its memory is freed.
  void Leave(RequestPhase from);

  // From now on, Enter refuses every request with UNAVAILABLE.
  void BeginDrain();
  // True once no request is left; false if `timeout` passed first.
  bool WaitUntilEmpty(absl::Duration timeout);

 private:
  friend class Reservation;

  // Implements Reservation::Resize: changes the reserved bytes of one request of a key.
  absl::Status Resize(const std::string& key, uint64_t from, uint64_t to, MemoryUse use)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status TryToResize(const std::string& key, uint64_t from, uint64_t to, MemoryUse use)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  int& Count(RequestPhase phase) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return counts_[static_cast<int>(phase)];
  }
  int live() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return counts_[0] + counts_[1] + counts_[2];
  }
  // DEADLINE_EXCEEDED if the request for at least `seconds` of music surely can't be made in time.
  absl::Status CheckDeadline(const GenerationRequest& request, double seconds) const;
  absl::Status CheckRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Report() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Limits limits_;
  MetricsSink* const metrics_;
  const std::function<SchedulerLoad()> load_;

  mutable Mutex mutex_;
  int counts_[3] ABSL_GUARDED_BY(mutex_) = {};  // requests by phase
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // total of all reservations
  // Of the keys that have any. Without keys, it is empty.
  std::map<std::string, uint64_t> bytes_by_key_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace vidmuse

#endif  // VIDMUSE_GENERATOR_ADMISSION_H_
