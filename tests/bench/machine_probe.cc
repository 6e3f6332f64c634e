#include "tests/bench/machine_probe.h"

#include <algorithm>
#include <cstdlib>

#include "tests/bench/bench_model.h"

namespace vidmuse {
namespace {

constexpr int kPasses = 6;
constexpr size_t kNumbers = size_t{1} << 27;  // 1 GiB, more than most caches hold
constexpr size_t kAhead = 512;                // prefetch distance in numbers: 4 KiB
constexpr int kLanes = 16;
constexpr int kChains = 12;  // independent sums, to hide the latency of an operation
constexpr int64_t kRounds = 2'000'000;

using Floats = float __attribute__((vector_size(kLanes * sizeof(float))));

// Runs the arithmetic. The result depends on every operation, so that none is optimised away.
__attribute__((target_clones("avx512f", "avx2,fma", "default"))) float MultiplyAndAdd() {
  Floats sums[kChains];
  Floats factor = {}, term = {};
  for (int i = 0; i < kLanes; ++i) factor[i] = 0.5f + 0.01f * static_cast<float>(i), term[i] = 1;
  // The chains differ, because a compiler would compute equal ones only once.
  for (int i = 0; i < kChains; ++i) sums[i] = term * static_cast<float>(i);
  for (int64_t round = 0; round < kRounds; ++round) {
    for (Floats& sum : sums) sum = sum * factor + term;
  }
  float result = 0;
  for (const Floats& sum : sums) {
    for (int i = 0; i < kLanes; ++i) result += sum[i];
  }
  return result;
}

}  // namespace

MachineProbe::MachineProbe(int threads)
    : team_(threads), buffer_(kNumbers * sizeof(uint64_t)), sums_(threads) {
  std::fill_n(buffer_.data<uint64_t>(), kNumbers, 1);
}

double MachineProbe::ReadBandwidth() {
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const Stopwatch watch;
    team_.Run([&](int member) {
      const size_t share = kNumbers / team_.size();
      const uint64_t* numbers = buffer_.data<uint64_t>() + share * member;
      uint64_t sums[16] = {};
      for (size_t i = 0; i + 16 <= share; i += 16) {
        // Prefetching beyond the end of the buffer does nothing.
        __builtin_prefetch(numbers + i + kAhead, 0, 2);
        __builtin_prefetch(numbers + i + kAhead + 8, 0, 2);
        for (int j = 0; j < 16; ++j) sums[j] += numbers[i + j];
      }
      sums_[member] = 0;
      for (const uint64_t sum : sums) sums_[member] += sum;
    });
    best = std::max(best, static_cast<double>(buffer_.bytes()) / watch.Seconds() / 1e9);
  }
  for (const uint64_t sum : sums_) {
    if (sum == 0) std::abort();  // uses the sums, so that they aren't optimised away
  }
  return best;
}

double MachineProbe::FloatRate() {
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const Stopwatch watch;
    team_.Run([&](int member) { sums_[member] = MultiplyAndAdd() > 0; });
    const double operations = 2.0 * kLanes * kChains * kRounds * team_.size();
    best = std::max(best, operations / watch.Seconds() / 1e9);
    for (const uint64_t sum : sums_) {
      if (sum == 0) std::abort();
    }
  }
  return best;
}

}  // namespace vidmuse
