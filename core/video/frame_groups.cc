#include "core/video/frame_groups.h"

#include <algorithm>

namespace vidmuse {
namespace {

// More than the pictures by which any stream delays what it shows.
constexpr int64_t kMostDelayed = 64;

// The packets from one PictureTraits::starts_group to the next.
struct Stretch {
  int64_t begin = 0;
  int64_t last = 0;          // packet with a wanted frame that isn't leading
  int64_t last_leading = 0;  // packet with a leading picture
  std::vector<int> frames;
  std::vector<int> leading_frames;
};

std::vector<Stretch> FindStretches(const PacketIndex& index, const std::vector<int64_t>& wanted) {
  const std::map<int64_t, int> position_by_pts = PositionsByTime(index, wanted);
  std::vector<Stretch> stretches;
  for (size_t i = 0; i < index.stored.size(); ++i) {
    const StoredPacket& packet = index.stored[i];
    const auto number = static_cast<int64_t>(i);
    if (packet.traits.starts_group) stretches.push_back({number, number, number, {}, {}});
    Stretch& stretch = stretches.back();
    if (packet.traits.leading) stretch.last_leading = number;
    const auto position = position_by_pts.find(packet.pts);
    if (!packet.shown || position == position_by_pts.end()) continue;
    if (packet.traits.leading) {
      stretch.leading_frames.push_back(position->second);
    } else {
      stretch.frames.push_back(position->second);
      stretch.last = number;
    }
  }
  return stretches;
}

}  // namespace

std::map<int64_t, int> PositionsByTime(const PacketIndex& index,
                                       const std::vector<int64_t>& wanted) {
  std::map<int64_t, int> positions;
  for (size_t i = 0; i < wanted.size(); ++i) {
    positions.emplace(index.pts[static_cast<size_t>(wanted[i])], static_cast<int>(i));
  }
  return positions;
}

std::vector<FrameGroup> GroupFrames(const PacketIndex& index, const std::vector<int64_t>& wanted) {
  const std::vector<StoredPacket>& stored = index.stored;
  if (!index.separable || index.pts.empty() || stored.empty() ||
      !stored.front().traits.starts_group) {
    return {};
  }
  std::vector<Stretch> stretches = FindStretches(index, wanted);
  // There is nothing before that these could refer to.
  if (stretches.front().last_leading > 0) return {};
  std::vector<FrameGroup> groups;
  // From the end, since a group is needed if a later one doesn't forget it.
  bool needed_later = false;
  auto end = static_cast<int64_t>(stored.size());
  for (size_t i = stretches.size(); i-- > 0;) {
    Stretch& stretch = stretches[i];
    FrameGroup group = {stretch.begin, stretch.last, end, std::nullopt, std::move(stretch.frames)};
    const Stretch* next = i + 1 < stretches.size() ? &stretches[i + 1] : nullptr;
    if (next != nullptr && !stored[static_cast<size_t>(next->begin)].traits.forgets) {
      group.frames.insert(group.frames.end(), next->leading_frames.begin(),
                          next->leading_frames.end());
      if (needed_later || !next->leading_frames.empty()) {
        group.last = std::min(std::max(next->begin, next->last_leading) + 1, end - 1);
        group.followed = stored[static_cast<size_t>(next->begin)].pts;
        group.end = std::min(end, group.last + kMostDelayed);
      }
    }
    needed_later = needed_later || !group.frames.empty();
    if (needed_later) groups.push_back(std::move(group));
    if (stored[static_cast<size_t>(stretch.begin)].traits.forgets) {
      needed_later = false;
      end = stretch.begin;
    }
  }
  std::reverse(groups.begin(), groups.end());
  return groups;
}

}  // namespace vidmuse
