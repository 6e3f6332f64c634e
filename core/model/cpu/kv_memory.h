// Memory of closed windows, kept for the next one: a system takes longer to clear a gigabyte of new
// pages than a step takes.
#ifndef VIDMUSE_MODEL_CPU_KV_MEMORY_H_
#define VIDMUSE_MODEL_CPU_KV_MEMORY_H_

#include <array>
#include <cstddef>

#include "absl/base/thread_annotations.h"
#include "core/base/mutex.h"
#include "core/model/cpu/aligned_buffer.h"

namespace vidmuse::cpu {

// Keeps the buffers that were given back last, as many as a window has. Thread-safe.
class KvMemory {
 public:
  // At least `bytes`, with any contents. If no buffer that is kept fits, all are released, so that
  // what is held never grows by them. Throws std::bad_alloc.
  AlignedBuffer Take(size_t bytes);
  void GiveBack(AlignedBuffer buffer);
  // What is kept.
  size_t bytes() const;

 private:
  // The condition's, and two of a sequence's own.
  using Kept = std::array<AlignedBuffer, 3>;

  mutable Mutex mutex_;
  Kept kept_ ABSL_GUARDED_BY(mutex_);  // the last one last; some may be empty
};

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KV_MEMORY_H_
