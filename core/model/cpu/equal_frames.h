// Frames of a window with the same condition rows, such as those of a still or of padding.
// Attention over n copies of a key is attention over one of them whose weight counts n times.
#ifndef VIDMUSE_MODEL_CPU_EQUAL_FRAMES_H_
#define VIDMUSE_MODEL_CPU_EQUAL_FRAMES_H_

#include <cstddef>
#include <vector>

namespace vidmuse::cpu {

struct DistinctFrames {
  std::vector<int> frames;  // the first of each set of equal frames, ascending
  std::vector<int> counts;  // of the frames in each set
};

// Compares `count` >= 1 frames of `size` floats each, bit by bit.
DistinctFrames FindDistinctFrames(const float* rows, int count, size_t size);

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_EQUAL_FRAMES_H_
