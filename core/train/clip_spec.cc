#include "core/train/clip_spec.h"

#include "core/train/random.h"

namespace vidmuse::train {

ClipSpec MakeClipSpec(uint64_t seed) {
  Random random(seed, "clip");
  ClipSpec spec;
  spec.seed = seed;
  spec.minor = random.Index(2) == 1;
  spec.tempo = static_cast<int>(random.Index(kTempos));
  spec.high = random.Index(2) == 1;
  spec.timbre = static_cast<int>(random.Index(kTimbres));
  spec.progression = static_cast<int>(random.Index(kProgressions));
  return spec;
}

}  // namespace vidmuse::train
