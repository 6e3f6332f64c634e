// What this machine can do at best: the bounds that stages are judged by.
#ifndef VIDMUSE_TESTS_BENCH_MACHINE_PROBE_H_
#define VIDMUSE_TESTS_BENCH_MACHINE_PROBE_H_

#include <cstdint>
#include <vector>

#include "core/model/cpu/aligned_buffer.h"
#include "core/model/cpu/thread_team.h"

namespace vidmuse {

class MachineProbe {
 public:
  explicit MachineProbe(int threads);

  // GB/s that all threads read from a buffer of 1 GiB, the best of some passes.
  double ReadBandwidth();
  // Billions of float32 operations a second in registers, all threads together: a multiplication
  // and an addition are two.
  double FloatRate();

 private:
  cpu::ThreadTeam team_;
  cpu::AlignedBuffer buffer_;
  std::vector<uint64_t> sums_;  // one a thread
};

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_BENCH_MACHINE_PROBE_H_
