// Finds clips that sound the same.
#ifndef VIDMUSE_CURATE_DUPLICATES_H_
#define VIDMUSE_CURATE_DUPLICATES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace vidmuse::curate {

// A fingerprint as 32-bit items, about eight a second. Empty if the text isn't one.
std::vector<uint32_t> DecodeFingerprint(const std::string& text);

// For each fingerprint the place of the first earlier one that sounds the same, or -1.
//
// Two sounds are the same if, at one shift in time against each other, at least 80 items (10 s) of
// both lie over each other and under 15% of those items' bits differ. (Of unrelated sounds it is
// half of them.) Only shifts at which at least 8 items agree in their upper 24 bits are looked at,
// and items that more than 1,000 fingerprints share, such as those of silence, give no shifts. So
// time and memory grow with the number of clips, not with that of pairs.
std::vector<int64_t> FindDuplicates(absl::Span<const std::vector<uint32_t>> fingerprints);

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_DUPLICATES_H_
