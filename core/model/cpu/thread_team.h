// Threads that run one function together, many times a second, with cheap barriers inside it.
#ifndef VIDMUSE_MODEL_CPU_THREAD_TEAM_H_
#define VIDMUSE_MODEL_CPU_THREAD_TEAM_H_

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

namespace vidmuse::cpu {

// Run() and its callers belong to one thread; that thread is member 0 of the team.
class ThreadTeam {
 public:
  // Throws std::system_error if there are no more threads to be had.
  explicit ThreadTeam(int threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return size_; }

  // Calls work(i) for every i < size() at once, one on each thread; returns when all have returned.
  // What the work of a member throws ends that of the others at their next barrier, and is thrown
  // again here; of several, one. The team is as good as before.
  void Run(const std::function<void(int)>& work);

  // Within Run: returns when every member has called it. Ends the caller's work by an exception if
  // another member's has failed.
  void Barrier();

  // Within Run: an item of [0, n) that nobody has had since the last Barrier(), or n if there is
  // none. A member gets those of its own share in order, then what others, perhaps kept from their
  // cores, haven't come to.
  int Claim(int n, int index);

  // The part of [0, n) that member `index` works on.
  static std::pair<int, int> Share(int n, int index, int size) {
    return {static_cast<int>(int64_t{n} * index / size),
            static_cast<int>(int64_t{n} * (index + 1) / size)};
  }

 private:
  // Ends a member's work because another's has failed.
  struct Stopped {};

  void Member(int index);
  void Stop();
  // `work_` and the barrier that ends it.
  void Work(int index);
  // Waits for all; false if the work of one has failed.
  bool Meet();
  void ForgetClaims();
  static void WaitWhile(const std::atomic<uint32_t>& value, uint32_t old);

  const int size_;
  const std::function<void(int)>* work_ = nullptr;  // written before round_ changes
  std::atomic<uint32_t> round_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<int> arrived_{0};
  std::atomic<uint32_t> barrier_{0};
  std::atomic<bool> failed_{false};  // the work of a member has
  // Whether it had when the last one came to a barrier: so all agree about each barrier. Written
  // before barrier_ changes, read after it.
  bool stopped_ = false;
  std::exception_ptr error_;  // written by the first to fail, before it comes to the barrier
  struct alignas(64) Claimed {
    std::atomic<int> items{0};  // of a member's share
  };
  std::vector<Claimed> claimed_;
  std::vector<std::thread> threads_;
};

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_THREAD_TEAM_H_
