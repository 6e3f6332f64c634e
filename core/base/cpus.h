// How many CPUs this process may keep busy.
#ifndef VIDMUSE_BASE_CPUS_H_
#define VIDMUSE_BASE_CPUS_H_

#include <string>

namespace vidmuse {

// Returns the number of CPUs that this process may use, at least 1: those that its threads may run
// on, or those that its control groups allow (cpu.max of v2, cpu.cfs_quota_us of v1), rounded up,
// whichever is less. The machine's own number doesn't count: in a container with a limit, threads
// beyond it only wait for one another.
int UsableCpus();

// The same for an affinity mask of `allowed` CPUs and a machine whose /proc and /sys are under
// `root`.
int UsableCpus(const std::string& root, int allowed);

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_CPUS_H_
