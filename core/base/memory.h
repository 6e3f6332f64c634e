// How much memory this process may still take.
#ifndef VIDMUSE_BASE_MEMORY_H_
#define VIDMUSE_BASE_MEMORY_H_

#include <cstdint>
#include <string>

namespace vidmuse {

// Bytes that are free now: the machine's, or what is left under the limit of this process's control
// group or of one that it is in (version 1 or 2), whichever is least. Files that the kernel keeps
// in memory only as long as there is room count as free, as they do for the kubelet: a checkpoint
// that was read a moment ago is such. 0 if nothing is known. Files of /proc and /sys are looked for
// under `root`.
uint64_t AvailableMemory(const std::string& root = "");

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_MEMORY_H_
