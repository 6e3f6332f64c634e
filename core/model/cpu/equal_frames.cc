#include "core/model/cpu/equal_frames.h"

#include <cstring>

namespace vidmuse::cpu {

DistinctFrames FindDistinctFrames(const float* rows, int count, size_t size) {
  DistinctFrames distinct;
  for (int frame = 0; frame < count; ++frame) {
    const auto equals = [&](int other) {
      return std::memcmp(rows + size * frame, rows + size * other, size * sizeof(float)) == 0;
    };
    size_t set = 0;
    while (set < distinct.frames.size() && !equals(distinct.frames[set])) ++set;
    if (set == distinct.frames.size()) {
      distinct.frames.push_back(frame);
      distinct.counts.push_back(0);
    }
    ++distinct.counts[set];
  }
  return distinct;
}

}  // namespace vidmuse::cpu
