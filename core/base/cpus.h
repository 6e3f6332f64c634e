// How many CPUs this process may keep busy.
#ifndef VIDMUSE_BASE_CPUS_H_
#define VIDMUSE_BASE_CPUS_H_

#include <string>

namespace vidmuse {

// At least 1: the CPUs that its threads may run on, or what the control groups give it (cpu.max of
// v2, cpu.cfs_quota_us of v1), rounded up, whichever is less. Not the machine's CPUs: in a
// container with a limit, threads beyond it only wait for one another.
int UsableCpus();

// The same for `allowed` CPUs in the affinity mask and a machine whose /proc and /sys are under
// `root`.
int UsableCpus(const std::string& root, int allowed);

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_CPUS_H_
