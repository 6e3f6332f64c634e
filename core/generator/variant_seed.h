// The seeds of a request's variants.
#ifndef VIDMUSE_GENERATOR_VARIANT_SEED_H_
#define VIDMUSE_GENERATOR_VARIANT_SEED_H_

#include <cstdint>

namespace vidmuse {

// The first variant has the request's seed. The others' follow from it, so that any replica draws
// the same ones. They are numbers of SplitMix64 (Steele, Lea and Flood, 2014).
inline uint64_t VariantSeed(uint64_t seed, int variant) {
  if (variant == 0) return seed;
  uint64_t z = seed + static_cast<uint64_t>(variant) * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace vidmuse

#endif  // VIDMUSE_GENERATOR_VARIANT_SEED_H_
