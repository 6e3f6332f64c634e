// Makes the channels of keys equally large.
#ifndef VIDMUSE_MODEL_CPU_KEY_FACTORS_H_
#define VIDMUSE_MODEL_CPU_KEY_FACTORS_H_

#include "absl/types/span.h"

namespace vidmuse::cpu {

// Keys are stored as integers with a scale for each position, so a channel that stands out, as some
// of trained models do, would cost the others their precision. So each channel of a head is
// multiplied by a factor, a power of two, that makes it about as large as the others; queries are
// divided by it, which leaves the scores as they are. `sizes` holds the size of each channel, at
// least 0 and finite; `factors` receives as many.
void KeyFactors(absl::Span<const double> sizes, float* factors);

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KEY_FACTORS_H_
