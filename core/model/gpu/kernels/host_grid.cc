#include "core/model/gpu/kernels/host_grid.h"

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#define VIDMUSE_ASAN_FIBERS 1
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#define VIDMUSE_TSAN_FIBERS 1
#endif

namespace vidmuse::gpu {
namespace {

constexpr size_t kStackBytes = size_t{256} << 10;
constexpr int kGatherWords = 6;

[[noreturn]] void Die(const char* what) {
  std::fprintf(stderr, "kernel on the host: %s\n", what);
  std::abort();
}

struct Barrier {
  int arrived = 0;
  int64_t passed = 0;
};

}  // namespace

// Runs one block after the other on the same fibers' stacks.
class HostBlock {
 public:
  HostBlock(const HostGrid& grid, const std::function<void(Block&)>& body)
      : grid_(grid),
        body_(body),
        fibers_(grid.threads),
        warps_(grid.threads / kWarpThreads),
        gathered_(size_t{2} * kGatherWords * grid.threads) {
    if (grid.threads % kWarpThreads != 0) Die("threads that don't fill their warps");
    for (Fiber& fiber : fibers_) fiber.stack.reset(new unsigned char[kStackBytes]);
  }

  void Run(int x, int y, int z) {
    // Each block has its own allocation, so that an address sanitizer sees accesses outside of it.
    const std::unique_ptr<Words4[]> shared(new Words4[(grid_.shared_bytes + 15) / 16]);
    std::memset(static_cast<void*>(shared.get()), 0xff, (grid_.shared_bytes + 15) / 16 * 16);
    all_ = {};
    std::fill(warps_.begin(), warps_.end(), Barrier{});
    for (int i = 0; i < grid_.threads; ++i) {
      Block& block = fibers_[i].block;
      block.host_ = this;
      block.thread_ = i;
      block.x_ = x, block.y_ = y, block.z_ = z;
      block.shared_ = reinterpret_cast<unsigned char*>(shared.get());
      Prepare(fibers_[i]);
    }
    running_ = grid_.threads;
    scheduler_.started = true;
    while (running_ > 0) {
      moved_ = false;
      for (int i = 0; i < grid_.threads; ++i) {
        Fiber& fiber = fibers_[grid_.last_first ? grid_.threads - 1 - i : i];
        if (!fiber.ended) Enter(fiber);
      }
      if (!moved_) Die("a barrier that not all threads come to");
    }
  }

  void Sync(Block&) { Wait(all_, grid_.threads); }
  // Two buffers alternate, so that a thread which is one turn ahead doesn't overwrite what others
  // still read.
  const uint32_t* Gather(Block& block, const uint32_t* mine, int words) {
    const int warp = block.thread() / kWarpThreads;
    const size_t place = 2 * warp + (block.odd_ ? 1 : 0);
    block.odd_ = !block.odd_;
    uint32_t* all = gathered_.data() + kGatherWords * kWarpThreads * place;
    std::copy_n(mine, words, all + words * (block.thread() % kWarpThreads));
    Wait(warps_[warp], kWarpThreads);
    return all;
  }

 private:
  // Sanitizers can follow contexts. Otherwise jumps are used, which are faster because they don't
  // restore signal masks by system calls.
  struct Place {
    ucontext_t context;
    jmp_buf jump;
    bool started = false;
  };
  static void Switch(Place& from, Place& to) {
#if defined(VIDMUSE_ASAN_FIBERS) || defined(VIDMUSE_TSAN_FIBERS)
    swapcontext(&from.context, &to.context);
#else
    if (_setjmp(from.jump) != 0) return;
    if (to.started) _longjmp(to.jump, 1);
    to.started = true;
    setcontext(&to.context);
#endif
  }

  struct Fiber {
    Place place;
    std::unique_ptr<unsigned char[]> stack;
    Block block;
    bool ended = false;
    void* fake_stack = nullptr;
    void* tsan = nullptr;
  };

  void Prepare(Fiber& fiber) {
    fiber.ended = false;
    fiber.block.odd_ = false;
    fiber.place.started = false;
    fiber.fake_stack = nullptr;
    getcontext(&fiber.place.context);
    fiber.place.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.place.context.uc_stack.ss_size = kStackBytes;
    fiber.place.context.uc_link = nullptr;
    makecontext(&fiber.place.context, &HostBlock::Main, 0);
#ifdef VIDMUSE_TSAN_FIBERS
    fiber.tsan = __tsan_create_fiber(0);
#endif
  }

  // Switches from the scheduler to a fiber. Returns when the fiber leaves.
  void Enter(Fiber& fiber) {
    current_ = &fiber;
    active_ = this;
#ifdef VIDMUSE_ASAN_FIBERS
    void* fake = nullptr;
    __sanitizer_start_switch_fiber(&fake, fiber.stack.get(), kStackBytes);
#endif
#ifdef VIDMUSE_TSAN_FIBERS
    tsan_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(fiber.tsan, 0);
#endif
    Switch(scheduler_, fiber.place);
#ifdef VIDMUSE_ASAN_FIBERS
    __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
#ifdef VIDMUSE_TSAN_FIBERS
    if (fiber.ended) __tsan_destroy_fiber(fiber.tsan);
#endif
  }

  // Switches from a fiber to the scheduler.
  void Leave() {
    Fiber& fiber = *current_;
#ifdef VIDMUSE_ASAN_FIBERS
    __sanitizer_start_switch_fiber(fiber.ended ? nullptr : &fiber.fake_stack, scheduler_stack_,
                                   scheduler_size_);
#endif
#ifdef VIDMUSE_TSAN_FIBERS
    __tsan_switch_to_fiber(tsan_, 0);
#endif
    Switch(fiber.place, scheduler_);
    Entered();
  }

  void Entered() {
#ifdef VIDMUSE_ASAN_FIBERS
    __sanitizer_finish_switch_fiber(current_->fake_stack, &scheduler_stack_, &scheduler_size_);
#endif
  }

  static void Main() {
    HostBlock& host = *active_;
    host.Entered();
    Fiber& fiber = *host.current_;
    host.body_(fiber.block);
    fiber.ended = true;
    --host.running_;
    host.moved_ = true;
    host.Leave();
  }

  void Wait(Barrier& barrier, int threads) {
    const int64_t passed = barrier.passed;
    if (++barrier.arrived == threads) {
      barrier.arrived = 0;
      ++barrier.passed;
      moved_ = true;
      return;
    }
    while (barrier.passed == passed) Leave();
    moved_ = true;
  }

  static thread_local HostBlock* active_;

  const HostGrid grid_;
  const std::function<void(Block&)>& body_;
  std::vector<Fiber> fibers_;
  std::vector<Barrier> warps_;
  Barrier all_;
  std::vector<uint32_t> gathered_;
  Place scheduler_;
  Fiber* current_ = nullptr;
  int running_ = 0;
  bool moved_ = false;  // whether any fiber made progress in this round
  // For sanitizers.
  [[maybe_unused]] const void* scheduler_stack_ = nullptr;
  [[maybe_unused]] size_t scheduler_size_ = 0;
  [[maybe_unused]] void* tsan_ = nullptr;
};

thread_local HostBlock* HostBlock::active_ = nullptr;

void Block::Sync() { host_->Sync(*this); }
const uint32_t* Block::Gather(const uint32_t* mine, int words) {
  return host_->Gather(*this, mine, words);
}

bool Block::IsLast(uint32_t* counter, uint32_t blocks, uint32_t* flag) {
  Sync();
  if (thread_ == 0) {
    *flag = *counter;
    *counter = *counter == blocks - 1 ? 0 : *counter + 1;
  }
  Sync();
  return *flag == blocks - 1;
}

void RunOnHost(const HostGrid& grid, const std::function<void(Block&)>& body) {
  HostBlock host(grid, body);
  const int blocks = grid.x * grid.y * grid.z;
  for (int i = 0; i < blocks; ++i) {
    const int at = grid.last_first ? blocks - 1 - i : i;
    host.Run(at % grid.x, at / grid.x % grid.y, at / grid.x / grid.y);
  }
}

}  // namespace vidmuse::gpu
