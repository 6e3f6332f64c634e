#include "core/video/sampled_frames.h"

#include <algorithm>
#include <utility>

namespace vidmuse {

SampledFrames PartOf(const SampledFrames& all, const FramePart& part) {
  SampledFrames some;
  some.seconds = all.seconds;
  const auto first = all.local.begin() + std::min(part.first, kLocalFrameRate * all.seconds);
  some.local.assign(first, first + part.size(all.seconds));
  if (part.has_global()) some.global = all.global;
  std::vector<int> positions = some.local;
  positions.insert(positions.end(), some.global.begin(), some.global.end());
  std::sort(positions.begin(), positions.end());
  positions.erase(std::unique(positions.begin(), positions.end()), positions.end());
  for (const int position : positions) {
    some.wanted.push_back(all.wanted[static_cast<size_t>(position)]);
  }
  for (std::vector<int>* list : {&some.local, &some.global}) {
    for (int& position : *list) {
      const auto found = std::lower_bound(positions.begin(), positions.end(), position);
      position = static_cast<int>(found - positions.begin());
    }
  }
  return some;
}

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
