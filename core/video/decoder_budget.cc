#include "core/video/decoder_budget.h"

#include <algorithm>
#include <iterator>
#include <stop_token>

#include "core/base/memory.h"

namespace vidmuse {

absl::StatusOr<DecoderBudget::Share> DecoderBudget::Take(uint64_t bytes, const CancelFlag& cancel) {
  bytes = std::min(bytes, bytes_);
  // Unlocking the mutex wakes the waiting threads.
  const std::stop_callback wake(cancel.token(), [this] { MutexLock lock(&mutex_); });
  uint64_t place = 0;
  {
    MutexLock lock(&mutex_);
    place = next_place_++;
    waiting_.insert(place);
  }
  while (const std::optional<Loan> loan = NextToCallBack(place, bytes)) {
    loan->call_back();
    GiveBack(loan->bytes);
  }
  MutexLock lock(&mutex_);
  mutex_.Await([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return cancel.cancelled() || Fits(place, bytes);
  });
  waiting_.erase(place);
  if (cancel.cancelled()) {
    return absl::CancelledError("cancelled while the video waited for memory to be decoded with");
  }
  taken_ += bytes;
  return Share(this, bytes);
}

std::optional<DecoderBudget::Loan> DecoderBudget::NextToCallBack(uint64_t place, uint64_t bytes) {
  MutexLock lock(&mutex_);
  if (loans_.empty() || Fits(place, bytes)) return std::nullopt;
  return std::move(loans_.extract(std::prev(loans_.end())).mapped());
}

std::optional<DecoderBudget::LoanId> DecoderBudget::Lend(uint64_t bytes, int most,
                                                         std::function<void()> call_back) {
  bytes = std::min(bytes, bytes_);
  MutexLock lock(&mutex_);
  if (!waiting_.empty() || bytes > bytes_ - taken_ || static_cast<int>(loans_.size()) >= most) {
    return std::nullopt;
  }
  const LoanId id = next_loan_++;
  loans_[id] = {bytes, std::move(call_back)};
  taken_ += bytes;
  return id;
}

std::optional<DecoderBudget::Share> DecoderBudget::Keep(LoanId loan) {
  MutexLock lock(&mutex_);
  const auto node = loans_.extract(loan);
  if (node.empty()) return std::nullopt;
  return Share(this, node.mapped().bytes);
}

void DecoderBudget::Return(LoanId loan) {
  MutexLock lock(&mutex_);
  const auto node = loans_.extract(loan);
  if (!node.empty()) taken_ -= node.mapped().bytes;
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
