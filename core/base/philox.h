// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011). The same key and counter give the same number anywhere, in any order.
#ifndef VIDMUSE_BASE_PHILOX_H_
#define VIDMUSE_BASE_PHILOX_H_

#include <array>
#include <cstdint>

namespace vidmuse {

inline std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter,
                                          std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53} * counter[0];
    const uint64_t product1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<uint32_t>(product0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

// Uniform on [0, 1) with 53 bits, a function of seed, frame of the song and codebook alone.
inline double TokenUniform(uint64_t seed, uint64_t frame, uint32_t codebook) {
  const auto bits =
      Philox4x32({static_cast<uint32_t>(frame), static_cast<uint32_t>(frame >> 32), codebook, 0},
                 {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  const uint64_t mantissa = (uint64_t{bits[0]} << 21) ^ (bits[1] >> 11);
  return static_cast<double>(mantissa) * 0x1p-53;
}

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_PHILOX_H_
