#include "core/video/sampled_frames.h"

#include <utility>

namespace vidmuse {

VideoFrames AssembleFrames(const SampledFrames& frames, const std::vector<int>& stored,
                           DistinctFrames store) {
  VideoFrames result;
  result.seconds = frames.seconds;
  for (const int i : frames.local) result.local.push_back(stored[static_cast<size_t>(i)]);
  for (const int i : frames.global) result.global.push_back(stored[static_cast<size_t>(i)]);
  result.frames = store.Take();
  return result;
}

VideoFrames AssembleFrames(const SampledFrames& frames, std::vector<std::vector<uint8_t>> pixels) {
  DistinctFrames store;
  std::vector<int> stored;
  stored.reserve(pixels.size());
  for (std::vector<uint8_t>& frame : pixels) stored.push_back(store.Add(std::move(frame)));
  return AssembleFrames(frames, stored, std::move(store));
}

}  // namespace vidmuse
