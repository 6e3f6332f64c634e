// Hands out slots, which are reserved memory for windows.
#ifndef VIDMUSE_MODEL_GPU_SLOT_POOL_H_
#define VIDMUSE_MODEL_GPU_SLOT_POOL_H_

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "core/base/cancel.h"
#include "core/base/mutex.h"

namespace vidmuse {

// Thread-safe.
class SlotPool {
 public:
  explicit SlotPool(int slots) : taken_(slots) {}

  // Takes the lowest free slot, waiting up to `wait` for one. RESOURCE_EXHAUSTED: none became free.
  // CANCELLED: `cancel` was set.
  absl::StatusOr<int> Take(absl::Duration wait, const CancelFlag& cancel) {
    MutexLock lock(&mutex_);
    int slot = -1;
    const auto found = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      for (slot = 0; slot < static_cast<int>(taken_.size()) && taken_[slot];) ++slot;
      return slot < static_cast<int>(taken_.size());
    };
    // The flag is polled, because setting it doesn't wake a waiting thread.
    constexpr absl::Duration kLook = absl::Milliseconds(20);
    for (; !mutex_.AwaitFor(std::min(wait, kLook), found); wait -= kLook) {
      if (cancel.cancelled()) return absl::CancelledError("cancelled while a window waited");
      if (wait <= kLook) {
        return absl::ResourceExhaustedError(
            absl::StrCat("all ", taken_.size(), " slots for windows are taken"));
      }
    }
    taken_[slot] = true;
    return slot;
  }

  void Return(int slot) {
    MutexLock lock(&mutex_);
    taken_[slot] = false;
  }

 private:
  Mutex mutex_;
  std::vector<bool> taken_ ABSL_GUARDED_BY(mutex_);
};

// Holds a taken slot and returns it when destroyed.
class SlotLease {
 public:
  SlotLease(std::shared_ptr<SlotPool> pool, int slot) : pool_(std::move(pool)), slot_(slot) {}
  ~SlotLease() { pool_->Return(slot_); }
  SlotLease(const SlotLease&) = delete;
  SlotLease& operator=(const SlotLease&) = delete;
  int slot() const { return slot_; }

 private:
  const std::shared_ptr<SlotPool> pool_;
  const int slot_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_GPU_SLOT_POOL_H_
