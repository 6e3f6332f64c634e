// How much more memory this process may use.
#ifndef VIDMUSE_BASE_MEMORY_H_
#define VIDMUSE_BASE_MEMORY_H_

#include <cstdint>
#include <string>

namespace vidmuse {

// Returns the bytes that are free now: the machine's, or what is left under the limit of this
// process's control group or of one of its parents (version 1 or 2), whichever is least. File pages
// that the kernel can drop at any time, such as a checkpoint read a moment ago, count as free, as
// they do for the kubelet. Returns 0 if nothing is known. /proc and /sys are looked for under
// `root`.
uint64_t AvailableMemory(const std::string& root = "");

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_MEMORY_H_
