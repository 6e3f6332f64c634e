// Measures this machine's memory bandwidth and arithmetic rate, which bound every stage's speed.
#ifndef VIDMUSE_TESTS_BENCH_MACHINE_PROBE_H_
#define VIDMUSE_TESTS_BENCH_MACHINE_PROBE_H_

#include <cstdint>
#include <vector>

#include "core/model/cpu/kernels/aligned_buffer.h"
#include "core/model/cpu/thread_team.h"

namespace vidmuse {

class MachineProbe {
 public:
  explicit MachineProbe(int threads);

  // GB/s at which all threads together read a buffer of 1 GiB; the best of several passes.
  double ReadBandwidth();
  // Billions of float32 operations per second in registers, of all threads together. A multiply-add
  // counts as two.
  double FloatRate();

 private:
  cpu::ThreadTeam team_;
  cpu::AlignedBuffer buffer_;
  std::vector<uint64_t> sums_;  // one per thread
};

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_BENCH_MACHINE_PROBE_H_
