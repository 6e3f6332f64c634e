// Random choices that are a function of a seed, so that a report can be made again.
#ifndef VIDMUSE_EVALUATE_RANDOM_INDEX_H_
#define VIDMUSE_EVALUATE_RANDOM_INDEX_H_

#include <cstdint>

#include "core/base/philox.h"

namespace vidmuse::evaluate {

// Returns choice number `position` of the sequence `stream` of `seed`, uniform on [0, n). `n` is
// from 1 to 2^52.
inline int64_t RandomIndex(uint64_t seed, uint32_t stream, uint64_t position, int64_t n) {
  const auto bits = Philox4x32(
      {static_cast<uint32_t>(position), static_cast<uint32_t>(position >> 32), stream, 1},
      {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  const uint64_t mantissa = (uint64_t{bits[0]} << 21) ^ (bits[1] >> 11);
  return static_cast<int64_t>(static_cast<double>(mantissa) * 0x1p-53 * static_cast<double>(n));
}

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_RANDOM_INDEX_H_
