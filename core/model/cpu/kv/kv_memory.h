// Keeps the memory of closed windows for the next one, because clearing a gigabyte of new pages
// takes the system longer than a decoding step.
#ifndef VIDMUSE_MODEL_CPU_KV_KV_MEMORY_H_
#define VIDMUSE_MODEL_CPU_KV_KV_MEMORY_H_

#include <array>
#include <cstddef>

#include "absl/base/thread_annotations.h"
#include "core/base/mutex.h"
#include "core/model/cpu/kernels/aligned_buffer.h"

namespace vidmuse::cpu {

// Keeps the buffers that were given back last, as many as one window uses. Thread-safe.
class KvMemory {
 public:
  // Returns a buffer of at least `bytes`, with any contents. If no kept buffer fits, all of them
  // are freed first, so that they do not add to the memory in use. Throws std::bad_alloc.
  AlignedBuffer Take(size_t bytes);
  void GiveBack(AlignedBuffer buffer);
  // Bytes of the buffers that are kept.
  size_t bytes() const;

 private:
  // One for the condition, and one each for the steps of the conditional and the null sequence.
  using Kept = std::array<AlignedBuffer, 3>;

  mutable Mutex mutex_;
  Kept kept_ ABSL_GUARDED_BY(mutex_);  // the one given back last is last; some may be empty
};

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KV_KV_MEMORY_H_
