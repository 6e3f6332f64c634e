// Who needs the device most.
#ifndef VIDMUSE_ENGINE_URGENCY_H_
#define VIDMUSE_ENGINE_URGENCY_H_

#include <compare>
#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "core/engine/song.h"

namespace vidmuse {

// A song's place in the order in which songs get steps and memory for windows. Smaller ones come
// first; among equals, who was placed or added earlier.
struct Urgency {
  enum class Group {
    kNearDry,  // a stream that is heard, and not far ahead of its listener
    kSilent,   // a stream of which nothing was heard yet
    kAhead,    // a stream that is far ahead of its listener
    kPatient,  // nobody hears the song while it is made
  };
  Group group = Group::kPatient;
  absl::Duration lead;  // with kNearDry and kAhead: how far it is ahead

  std::strong_ordering operator<=>(const Urgency& other) const = default;
};

// The urgency of a song of which `made` frames are made, `known` of them by others. A stream counts
// as far ahead with a lead of more than `far`.
inline Urgency UrgencyOf(const Song& song, int64_t known, int64_t made, absl::Duration now,
                         absl::Duration far) {
  using Group = Urgency::Group;
  if (song.playback == nullptr) return {};
  std::optional<absl::Duration> lead = song.playback->Lead(now, FramesLength(made));
  // Who has made much before anybody heard it doesn't need more.
  const absl::Duration unheard = FramesLength(made - known);
  if (!lead.has_value() && unheard <= far) return {Group::kSilent, absl::ZeroDuration()};
  if (!lead.has_value()) lead = unheard;
  return {*lead <= far ? Group::kNearDry : Group::kAhead, *lead};
}

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_URGENCY_H_
