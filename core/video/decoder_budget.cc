#include "core/video/decoder_budget.h"

#include <algorithm>
#include <stop_token>

#include "core/base/memory.h"

namespace vidmuse {

absl::StatusOr<DecoderBudget::Share> DecoderBudget::Take(uint64_t bytes, const CancelFlag& cancel) {
  bytes = std::min(bytes, bytes_);
  // Unlocking the mutex wakes the waiting threads.
  const std::stop_callback wake(cancel.token(), [this] { MutexLock lock(&mutex_); });
  MutexLock lock(&mutex_);
  const uint64_t place = next_place_++;
  waiting_.insert(place);
  mutex_.Await([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return cancel.cancelled() || (*waiting_.begin() == place && bytes <= bytes_ - taken_);
  });
  waiting_.erase(place);
  if (cancel.cancelled()) {
    return absl::CancelledError("cancelled while the video waited for memory to be decoded with");
  }
  taken_ += bytes;
  return Share(this, bytes);
}

void DecoderBudget::GiveBack(uint64_t bytes) {
  MutexLock lock(&mutex_);
  taken_ -= bytes;
}

CoreBudget::Share CoreBudget::Take() {
  ++taken_;
  return Share(this);
}

std::optional<CoreBudget::Share> CoreBudget::TakeIdle() {
  for (int taken = taken_; taken < cores_;) {
    if (taken_.compare_exchange_weak(taken, taken + 1)) return Share(this);
  }
  return std::nullopt;
}

uint64_t DefaultDecoderBudget() {
  constexpr uint64_t kLeast = 512ull << 20;
  return std::max(AvailableMemory() / 4, kLeast);
}

}  // namespace vidmuse
