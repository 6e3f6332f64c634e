// How many threads a decoding step is worth.
#ifndef VIDMUSE_MODEL_CPU_STEP_THREADS_H_
#define VIDMUSE_MODEL_CPU_STEP_THREADS_H_

#include <algorithm>
#include <cstddef>

namespace vidmuse::cpu {

// What a core reads from memory in a millisecond: 10 GB/s. A step does little but read.
inline constexpr size_t kCoreReads = 10'000'000;

// Returns the number of threads for a step that reads `weight_bytes` of weights, on `cpus` >= 1
// usable CPUs. Each of them has a millisecond's reading at least: with less, they would spend more
// and more of a step at its barriers, some ten a layer. As many threads as that also read as fast
// as the memory of common machines can bring it, so that more of them wouldn't shorten larger
// steps.
inline int StepThreads(int cpus, size_t weight_bytes) {
  const size_t worth = std::max<size_t>(weight_bytes / kCoreReads, 1);
  return static_cast<int>(std::min<size_t>(worth, cpus));
}

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_STEP_THREADS_H_
