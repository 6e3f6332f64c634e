#include "server/heap_trimmer.h"

#include <malloc.h>

#include <utility>

namespace vidmuse {

HeapTrimmer::HeapTrimmer(std::function<void()> trim)
    : trim_(trim != nullptr ? std::move(trim) : [] { malloc_trim(0); }) {}

void HeapTrimmer::OnIdle(int64_t begun) {
  if (begun - trimmed_at_ < kCallsToTrim) return;
  trimmed_at_ = begun;
  trim_();
}

}  // namespace vidmuse
