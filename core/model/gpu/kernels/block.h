// A thin layer under the kernels, so that one source runs on a GPU and on a host.
//
// A kernel's body is a function of its arguments and of a Block, which provides the thread's place,
// shared memory, barriers, shuffles and matrix products within a warp of 32 threads, and the order
// of successive kernels. nvcc compiles it with the Block below. host_grid.h has the host's Block,
// which runs the threads of a block one after the other.
//
// All threads of a block must call Sync and IsLast together, and all threads of a warp Shuffle* and
// MultiplyAccumulate. Every block must call WaitForPrevious before it reads what an earlier kernel
// writes, and before it ends.
#ifndef VIDMUSE_MODEL_GPU_KERNELS_BLOCK_H_
#define VIDMUSE_MODEL_GPU_KERNELS_BLOCK_H_

#include <cstdint>

#ifdef __CUDACC__
#define VIDMUSE_DEVICE __device__ __forceinline__
#define VIDMUSE_UNROLL _Pragma("unroll")
#else
#define VIDMUSE_DEVICE inline
#define VIDMUSE_UNROLL
#endif

namespace vidmuse::gpu {

constexpr int kWarpThreads = 32;

// 16 and 8 bytes, each moved by one load.
struct alignas(16) Words4 {
  uint32_t word[4];
};
struct alignas(8) Words2 {
  uint32_t word[2];
};

}  // namespace vidmuse::gpu

#ifndef __CUDACC__
#include "core/model/gpu/kernels/host_grid.h"
#else

namespace vidmuse::gpu {

class Block {
 public:
  __device__ int thread() const { return static_cast<int>(threadIdx.x); }
  __device__ int x() const { return static_cast<int>(blockIdx.x); }
  __device__ int y() const { return static_cast<int>(blockIdx.y); }
  __device__ int z() const { return static_cast<int>(blockIdx.z); }

  __device__ unsigned char* shared() const {
    extern __shared__ __align__(16) unsigned char memory[];
    return memory;
  }

  __device__ void Sync() { __syncthreads(); }

  template <class T>
  __device__ T ShuffleXor(T value, int mask) {
    return __shfl_xor_sync(~0u, value, mask);
  }
  // Returns the value of the thread `delta` places before, or the thread's own if there is none.
  template <class T>
  __device__ T ShuffleUp(T value, int delta) {
    return __shfl_up_sync(~0u, value, delta);
  }

  // Increments a counter in shared memory atomically.
  __device__ void Increment(uint32_t* counter) { atomicAdd(counter, 1u); }

  // Returns true in the last of `blocks` blocks to call it, which then sees what the others wrote
  // before. The counter must be 0 at first, and is 0 again afterwards. `flag` is 4 bytes of shared
  // memory.
  __device__ bool IsLast(uint32_t* counter, uint32_t blocks, uint32_t* flag) {
    __syncthreads();
    if (threadIdx.x == 0) {
      __threadfence();
      *flag = atomicInc(counter, blocks - 1);
      __threadfence();
    }
    __syncthreads();
    return *flag == blocks - 1;
  }

  // Lets the next kernel start once all blocks have called this. That kernel's WaitForPrevious
  // waits for the end of this one.
  __device__ void LaunchNext() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
  }
  __device__ void WaitForPrevious() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
  }
};

// Loads what is read once and doesn't change while the kernel runs. May precede WaitForPrevious.
__device__ __forceinline__ Words4 LoadOnce4(const void* from) {
  Words4 to;
  asm volatile("ld.global.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(to.word[0]), "=r"(to.word[1]), "=r"(to.word[2]), "=r"(to.word[3])
               : "l"(from));
  return to;
}

// Loads what another kernel or block has written, bypassing caches that may hold older bytes.
__device__ __forceinline__ Words4 LoadFresh4(const void* from) {
  Words4 to;
  asm volatile("ld.global.cg.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(to.word[0]), "=r"(to.word[1]), "=r"(to.word[2]), "=r"(to.word[3])
               : "l"(from)
               : "memory");
  return to;
}
__device__ __forceinline__ Words2 LoadFresh2(const void* from) {
  Words2 to;
  asm volatile("ld.global.cg.v2.u32 {%0, %1}, [%2];"
               : "=r"(to.word[0]), "=r"(to.word[1])
               : "l"(from)
               : "memory");
  return to;
}
__device__ __forceinline__ float LoadFresh(const float* from) { return __ldcg(from); }

// Starts a copy to shared memory, for which the same thread must wait. Other threads see it only
// after a barrier. The source must not change while the kernel runs. May precede WaitForPrevious.
__device__ __forceinline__ void StartCopy(Words4* to, const void* from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(
                   static_cast<uint32_t>(__cvta_generic_to_shared(to))),
               "l"(from)
               : "memory");
}
__device__ __forceinline__ void StartCopy(Words2* to, const void* from) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 8;" ::"r"(
                   static_cast<uint32_t>(__cvta_generic_to_shared(to))),
               "l"(from)
               : "memory");
}
__device__ __forceinline__ void EndCopyGroup() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
// Waits until at most the newest kGroups groups of copies are unfinished.
template <int kGroups>
__device__ __forceinline__ void WaitForCopies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kGroups) : "memory");
}

}  // namespace vidmuse::gpu
#endif  // __CUDACC__

#endif  // VIDMUSE_MODEL_GPU_KERNELS_BLOCK_H_
