// The memory and the cores that all running decoders may use together.
#ifndef VIDMUSE_VIDEO_DECODER_BUDGET_H_
#define VIDMUSE_VIDEO_DECODER_BUDGET_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/statusor.h"
#include "core/base/cancel.h"
#include "core/base/mutex.h"

namespace vidmuse {

// A semaphore that counts bytes, first come, first served. What nobody needs can be lent; whoever
// would have to wait for it has it called back at once. So nobody waits while anything is lent, and
// nothing is lent while anybody waits. Thread-safe.
class DecoderBudget {
 public:
  explicit DecoderBudget(uint64_t bytes) : bytes_(bytes) {}
  DecoderBudget(const DecoderBudget&) = delete;
  DecoderBudget& operator=(const DecoderBudget&) = delete;

  // A share of the budget, returned on destruction. The budget must outlive it.
  class Share {
   public:
    Share(DecoderBudget* budget, uint64_t bytes) : budget_(budget), bytes_(bytes) {}
    Share(Share&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(other.bytes_) {}
    Share& operator=(Share&&) = delete;
    ~Share() {
      if (budget_ != nullptr) budget_->GiveBack(bytes_);
    }

   private:
    DecoderBudget* budget_;
    uint64_t bytes_;
  };

  // Waits until `bytes` are free and all earlier callers have had their share. A request for more
  // than the budget takes all of it. Returns CANCELLED if `cancel` is set meanwhile.
  absl::StatusOr<Share> Take(uint64_t bytes, const CancelFlag& cancel);

  using LoanId = uint64_t;
  // Lends `bytes` if they are free, nobody waits, and fewer than `most` loans are out. If somebody
  // needs them, `call_back` is called, once, from that thread: when it returns, the bytes must be
  // free, and the loan is over.
  std::optional<LoanId> Lend(uint64_t bytes, int most, std::function<void()> call_back);
  // Makes a share of the loan. Returns nothing if it was called back, or is just then.
  std::optional<Share> Keep(LoanId loan);
  // Ends the loan, unless it is over already.
  void Return(LoanId loan);

  uint64_t bytes() const { return bytes_; }

 private:
  struct Loan {
    uint64_t bytes = 0;
    std::function<void()> call_back;
  };

  void GiveBack(uint64_t bytes);
  // Returns a loan to be called back, so that who waits at `place` may have `bytes`.
  std::optional<Loan> NextToCallBack(uint64_t place, uint64_t bytes);
  bool Fits(uint64_t place, uint64_t bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return *waiting_.begin() == place && bytes <= bytes_ - taken_;
  }

  const uint64_t bytes_;
  Mutex mutex_;
  uint64_t taken_ ABSL_GUARDED_BY(mutex_) = 0;  // what is lent included
  std::map<LoanId, Loan> loans_ ABSL_GUARDED_BY(mutex_);
  LoanId next_loan_ ABSL_GUARDED_BY(mutex_) = 0;
  // Places in the queue are handed out in ascending order, and the lowest one waiting is next.
  uint64_t next_place_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<uint64_t> waiting_ ABSL_GUARDED_BY(mutex_);
};

// The cores that all running decoders use together. A video's first core is always granted, since
// callers bound the number of videos; others are lent while there are idle ones. Thread-safe.
class CoreBudget {
 public:
  explicit CoreBudget(int cores) : cores_(cores) {}
  CoreBudget(const CoreBudget&) = delete;
  CoreBudget& operator=(const CoreBudget&) = delete;

  // One core, returned on destruction. The budget must outlive it.
  class Share {
   public:
    explicit Share(CoreBudget* budget) : budget_(budget) {}
    Share(Share&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)) {}
    Share& operator=(Share&&) = delete;
    ~Share() {
      if (budget_ != nullptr) --budget_->taken_;
    }

   private:
    CoreBudget* budget_;
  };

  Share Take();
  // Returns nothing if no core is idle.
  std::optional<Share> TakeIdle();
  // True if videos have taken more cores than there are. Those that were lent should be returned.
  bool overdrawn() const { return taken_ > cores_; }
  int cores() const { return cores_; }

 private:
  const int cores_;
  std::atomic<int> taken_ = 0;
};

// Returns a quarter of the memory that is free for this process now, but at least 512 MiB.
uint64_t DefaultDecoderBudget();

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_DECODER_BUDGET_H_
