// Stores frames of the model's size, and equal frames only once.
#ifndef VIDMUSE_VIDEO_DISTINCT_FRAMES_H_
#define VIDMUSE_VIDEO_DISTINCT_FRAMES_H_

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

namespace vidmuse {

class DistinctFrames {
 public:
  // Adds `frame` unless an equal one is stored, and returns its index.
  int Add(std::vector<uint8_t> frame);
  std::vector<std::vector<uint8_t>> Take() { return std::move(frames_); }

 private:
  std::vector<std::vector<uint8_t>> frames_;
  std::unordered_multimap<size_t, int> index_by_hash_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_DISTINCT_FRAMES_H_
