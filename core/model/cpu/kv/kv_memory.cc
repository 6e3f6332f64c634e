#include "core/model/cpu/kv/kv_memory.h"

#include <algorithm>
#include <utility>

namespace vidmuse::cpu {

AlignedBuffer KvMemory::Take(size_t bytes) {
  Kept released;  // outside the lock
  {
    const MutexLock lock(&mutex_);
    for (AlignedBuffer& buffer : kept_) {
      // A much larger buffer would hold memory that the caller has not counted.
      if (buffer.bytes() >= bytes && buffer.bytes() - bytes <= bytes / 8) return std::move(buffer);
    }
    released.swap(kept_);
  }
  released = {};
  return AlignedBuffer(bytes);
}

void KvMemory::GiveBack(AlignedBuffer buffer) {
  const MutexLock lock(&mutex_);
  const auto empty = std::find_if(kept_.begin(), kept_.end(),
                                  [](const AlignedBuffer& kept) { return kept.bytes() == 0; });
  const auto out = empty != kept_.end() ? empty : kept_.begin();
  std::rotate(out, out + 1, kept_.end());
  std::swap(kept_.back(), buffer);  // the old buffer is freed with the parameter, outside the lock
}

size_t KvMemory::bytes() const {
  const MutexLock lock(&mutex_);
  size_t bytes = 0;
  for (const AlignedBuffer& buffer : kept_) bytes += buffer.bytes();
  return bytes;
}

}  // namespace vidmuse::cpu
