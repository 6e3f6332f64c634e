// How much memory this process may still take.
#ifndef VIDMUSE_BASE_MEMORY_H_
#define VIDMUSE_BASE_MEMORY_H_

#include <cstdint>

namespace vidmuse {

// Bytes that are free now: the machine's, or what is left under the control group's limit (cgroup
// v2), whichever is less. 0 if neither is known.
uint64_t AvailableMemory();

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_MEMORY_H_
