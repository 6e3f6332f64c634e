// The token model's positions.
#ifndef VIDMUSE_MODEL_ARCHITECTURE_POSITIONS_H_
#define VIDMUSE_MODEL_ARCHITECTURE_POSITIONS_H_

#include <vector>

namespace vidmuse {

// The sinusoidal embedding of sequence steps 0 .. positions - 1, row-major [positions][dim], in
// float32 as audiocraft computes it: cat(cos(p), sin(p)), p = step / 10000^(i / (dim/2 - 1)).
// `dim` is even and at least 4. Throws std::bad_alloc.
std::vector<float> SinusoidalPositions(int positions, int dim);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_ARCHITECTURE_POSITIONS_H_
