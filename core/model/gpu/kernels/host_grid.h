// Runs a kernel's body on the host, block by block. The threads of a block are fibers, which switch
// at barriers and shuffles. Included through block.h.
//
// It finds errors that a GPU may hide. A barrier that not all threads reach stops the process with
// a message. Shared memory has the requested size, rounded up to 16 bytes, and is initially NaNs.
// The order of threads between barriers can be reversed: a body that lacks a barrier then gives
// other results.
#ifndef VIDMUSE_MODEL_GPU_KERNELS_HOST_GRID_H_
#define VIDMUSE_MODEL_GPU_KERNELS_HOST_GRID_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

#include "core/model/gpu/kernels/block.h"

namespace vidmuse::gpu {

class HostBlock;

class Block {
 public:
  int thread() const { return thread_; }
  int x() const { return x_; }
  int y() const { return y_; }
  int z() const { return z_; }
  unsigned char* shared() const { return shared_; }

  void Sync();
  template <class T>
  T ShuffleXor(T value, int mask) {
    return Shuffle(value, lane() ^ mask);
  }
  template <class T>
  T ShuffleUp(T value, int delta) {
    return Shuffle(value, lane() < delta ? lane() : lane() - delta);
  }
  void Increment(uint32_t* counter) { ++*counter; }
  bool IsLast(uint32_t* counter, uint32_t blocks, uint32_t* flag);
  void LaunchNext() {}
  void WaitForPrevious() {}

  // For MultiplyAccumulate: returns the words of all 32 threads of the warp, [32][words]. They are
  // valid until the thread's next shuffle or product.
  const uint32_t* Gather(const uint32_t* mine, int words);

 private:
  friend class HostBlock;
  int lane() const { return thread_ % kWarpThreads; }

  template <class T>
  T Shuffle(T value, int from) {
    static_assert(sizeof(T) <= 8);
    uint32_t mine[2] = {0, 0};
    std::memcpy(mine, &value, sizeof(T));
    const uint32_t* all = Gather(mine, 2);
    T result;
    std::memcpy(&result, all + 2 * from, sizeof(T));
    return result;
  }

  HostBlock* host_ = nullptr;
  int thread_ = 0;
  int x_ = 0, y_ = 0, z_ = 0;
  bool odd_ = false;  // whether the number of shuffles so far is odd
  unsigned char* shared_ = nullptr;
};

struct HostGrid {
  int x = 1, y = 1, z = 1;
  int threads = 32;         // per block, a multiple of 32
  size_t shared_bytes = 0;  // per block
  bool last_first = false;  // runs threads and blocks in reverse order
};

void RunOnHost(const HostGrid& grid, const std::function<void(Block&)>& body);

inline Words4 LoadOnce4(const void* from) { return *static_cast<const Words4*>(from); }
inline Words4 LoadFresh4(const void* from) { return *static_cast<const Words4*>(from); }
inline Words2 LoadFresh2(const void* from) { return *static_cast<const Words2*>(from); }
inline float LoadFresh(const float* from) { return *from; }
template <class Words>
void StartCopy(Words* to, const void* from) {
  *to = *static_cast<const Words*>(from);
}
inline void EndCopyGroup() {}
template <int kGroups>
void WaitForCopies() {}

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_KERNELS_HOST_GRID_H_
