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

// Only one thread may call Run(). That thread is member 0 of the team.
class ThreadTeam {
 public:
  // Throws std::system_error if a thread cannot be started.
  explicit ThreadTeam(int threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return size_; }

  // Calls work(i) for every i < size() at once, one on each thread; returns when all have returned.
  // If a member's work throws, the work of the others ends at their next barrier, and Run() throws
  // the exception (one of them, if there are several). The team can be used again afterwards.
  void Run(const std::function<void(int)>& work);

  // Within Run: returns when every member has called it. If another member's work has failed, it
  // throws an exception that ends the caller's work.
  void Barrier();

  // Within Run: returns an item of [0, n) that no member has claimed since the last Barrier(), or n
  // if there is none left. A member first gets the items of its own share in order, then items that
  // other members have not reached, perhaps because they lost their cores.
  int Claim(int n, int index);

  // The part of [0, n) that member `index` works on.
  static std::pair<int, int> Share(int n, int index, int size) {
    return {static_cast<int>(int64_t{n} * index / size),
            static_cast<int>(int64_t{n} * (index + 1) / size)};
  }

 private:
  // Thrown to end a member's work because another's has failed.
  struct Stopped {};

  void Member(int index);
  void Stop();
  // Calls `work_`, then meets the others at the barrier that ends it.
  void Work(int index);
  // Waits for all members; false if the work of one has failed.
  bool Meet();
  void ForgetClaims();
  static void WaitWhile(const std::atomic<uint32_t>& value, uint32_t old);

  const int size_;
  const std::function<void(int)>* work_ = nullptr;  // written before round_ changes
  std::atomic<uint32_t> round_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<int> arrived_{0};
  std::atomic<uint32_t> barrier_{0};
  std::atomic<bool> failed_{false};  // a member's work has thrown
  // The value of failed_ when the last member came to a barrier, so that all members agree about
  // each barrier. Written before barrier_ changes, read after it.
  bool stopped_ = false;
  // Written by the first member to fail, before it comes to the barrier.
  std::exception_ptr error_;
  struct alignas(64) Claimed {
    std::atomic<int> items{0};  // claimed of a member's share
  };
  std::vector<Claimed> claimed_;
  std::vector<std::thread> threads_;
};

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_THREAD_TEAM_H_
