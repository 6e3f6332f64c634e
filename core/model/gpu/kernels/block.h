// The thin layer that kernels are written against, so that one source runs on a GPU and on a host.
//
// A kernel's body is a function of its arguments and of a Block: the thread's place, shared memory,
// barriers, shuffles within a warp of 32 threads, matrix products by a warp, and the order of
// kernels after one another. nvcc compiles it with the Block below; for the host, host_grid.h has
// another, which runs the threads of a block one after the other.
//
// A body calls Sync, Shuffle*, MultiplyAccumulate and IsLast with all threads of the
// block, or of the warp. It calls WaitForPrevious in every block, before it reads what an earlier
// kernel writes and before it ends.
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

// 16 and 8 bytes, as one load moves them.
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
  // The value of the thread `delta` places before; a thread's own where there is none.
  template <class T>
  __device__ T ShuffleUp(T value, int delta) {
    return __shfl_up_sync(~0u, value, delta);
  }

  // Of counters in shared memory.
  __device__ void Increment(uint32_t* counter) { atomicAdd(counter, 1u); }

  // True in the block that comes here as the last of `blocks`, which then sees what the others
  // wrote before. The counter is 0 at first, and again afterwards. Uses 4 bytes at `flag`, in
  // shared memory.
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

  // The kernel after this one may start as soon as all blocks have started; it then waits for the
  // end of this one by itself.
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

// What is read once, and doesn't change while the kernel runs. May come before WaitForPrevious.
__device__ __forceinline__ Words4 LoadOnce4(const void* from) {
  Words4 to;
  asm volatile("ld.global.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(to.word[0]), "=r"(to.word[1]), "=r"(to.word[2]), "=r"(to.word[3])
               : "l"(from));
  return to;
}

// What another kernel, or another block, has written: past the caches that may hold older bytes.
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

// Copies to shared memory that a thread starts, and waits for itself; other threads don't see them
// before a barrier. What doesn't change while the kernel runs; may come before WaitForPrevious.
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
// Until at most the newest kGroups are on their way.
template <int kGroups>
__device__ __forceinline__ void WaitForCopies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kGroups) : "memory");
}

}  // namespace vidmuse::gpu
#endif  // __CUDACC__

#endif  // VIDMUSE_MODEL_GPU_KERNELS_BLOCK_H_
