#include "core/video/distinct_frames.h"

#include <utility>

#include "absl/hash/hash.h"

namespace vidmuse {

int DistinctFrames::Add(std::vector<uint8_t> frame) {
  const size_t hash = absl::HashOf(frame);
  const auto [begin, end] = index_by_hash_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    if (frames_[it->second] == frame) return it->second;
  }
  const int index = static_cast<int>(frames_.size());
  frames_.push_back(std::move(frame));
  index_by_hash_.emplace(hash, index);
  return index;
}

}  // namespace vidmuse
