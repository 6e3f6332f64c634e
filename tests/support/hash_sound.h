// Noise that is a hash of its number.
#ifndef VIDMUSE_TESTS_SUPPORT_HASH_SOUND_H_
#define VIDMUSE_TESTS_SUPPORT_HASH_SOUND_H_

#include <cstddef>
#include <cstdint>

#include "core/extractors/features.h"
#include "core/model/synthetic/hash_values.h"

namespace vidmuse {

// Mono, in [-0.5, 0.5).
inline Sound HashSound(int sample_rate, double seconds, uint64_t key) {
  Sound sound{sample_rate, {{}}};
  const auto samples = static_cast<size_t>(seconds * sample_rate);
  for (size_t i = 0; i < samples; ++i) sound.channels[0].push_back(HashUniform(key, i) - 0.5f);
  return sound;
}

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_HASH_SOUND_H_
