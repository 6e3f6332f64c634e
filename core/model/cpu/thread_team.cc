#include "core/model/cpu/thread_team.h"

namespace vidmuse::cpu {
namespace {

// Spins before a waiting thread sleeps. They take about 20 us: longer than a barrier takes when
// every member has a core, and far shorter than a time slice.
constexpr int kSpins = 2000;

inline void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

ThreadTeam::ThreadTeam(int threads) : size_(threads < 1 ? 1 : threads), claimed_(size_) {
  try {
    for (int i = 1; i < size_; ++i) threads_.emplace_back([this, i] { Member(i); });
  } catch (...) {
    Stop();
    throw;
  }
}

ThreadTeam::~ThreadTeam() { Stop(); }

void ThreadTeam::Stop() {
  stopping_.store(true, std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadTeam::WaitWhile(const std::atomic<uint32_t>& value, uint32_t old) {
  for (int i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    Pause();
  }
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

void ThreadTeam::Run(const std::function<void(int)>& work) {
  work_ = &work;
  if (size_ > 1) {
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
  }
  Work(0);
  // All members have come to the last barrier, so no other member reads or writes these until the
  // next round.
  if (!failed_.load(std::memory_order_relaxed)) return;
  failed_.store(false, std::memory_order_relaxed);
  std::rethrow_exception(std::exchange(error_, nullptr));
}

void ThreadTeam::Work(int index) {
  try {
    (*work_)(index);
  } catch (const Stopped&) {
    return;  // all members have already met at that barrier
  } catch (...) {
    if (!failed_.exchange(true, std::memory_order_relaxed)) error_ = std::current_exception();
  }
  Meet();
}

void ThreadTeam::Barrier() {
  if (!Meet())
    throw Stopped();  // NOLINT(bugprone-std-exception-baseclass): Member catches it by its type
}

bool ThreadTeam::Meet() {
  const uint32_t phase = barrier_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
    arrived_.store(0, std::memory_order_relaxed);
    ForgetClaims();
    stopped_ = failed_.load(std::memory_order_relaxed);
    barrier_.fetch_add(1, std::memory_order_release);
    if (size_ > 1) barrier_.notify_all();
  } else {
    WaitWhile(barrier_, phase);
  }
  return !stopped_;
}

int ThreadTeam::Claim(int n, int index) {
  for (int i = 0; i < size_; ++i) {
    const int member = (index + i) % size_;
    const auto [begin, end] = Share(n, member, size_);
    std::atomic<int>& items = claimed_[member].items;
    if (items.load(std::memory_order_relaxed) >= end - begin) continue;
    const int item = begin + items.fetch_add(1, std::memory_order_relaxed);
    if (item < end) return item;
  }
  return n;
}

void ThreadTeam::ForgetClaims() {
  for (Claimed& claimed : claimed_) claimed.items.store(0, std::memory_order_relaxed);
}

void ThreadTeam::Member(int index) {
  uint32_t round = 0;
  for (;;) {
    WaitWhile(round_, round);
    ++round;
    if (stopping_.load(std::memory_order_relaxed)) return;
    Work(index);
  }
}

}  // namespace vidmuse::cpu
