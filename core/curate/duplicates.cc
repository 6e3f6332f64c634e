#include "core/curate/duplicates.h"

#include <chromaprint.h>

#include <algorithm>
#include <bit>
#include <map>
#include <unordered_map>
#include <utility>

namespace vidmuse::curate {
namespace {

constexpr int kDroppedBits = 8;
constexpr int64_t kLeastAgreeing = 8;
constexpr int64_t kLeastItems = 80;
constexpr double kMostDifferentBits = 0.15;
constexpr size_t kMostSharing = 1000;

// Where an item of some fingerprint is.
struct Place {
  int64_t fingerprint;
  int64_t item;
};

// The share of bits that differ where `b`, shifted by `shift` items, lies over `a`; 1 if they have
// too few items in common.
double DifferentBits(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b,
                     int64_t shift) {
  const int64_t first = std::max<int64_t>(0, shift);
  const int64_t end =
      std::min(static_cast<int64_t>(a.size()), static_cast<int64_t>(b.size()) + shift);
  if (end - first < kLeastItems) return 1;
  int64_t bits = 0;
  for (int64_t i = first; i < end; ++i) bits += std::popcount(a[i] ^ b[i - shift]);
  return static_cast<double>(bits) / (32.0 * static_cast<double>(end - first));
}

// The places of every item's upper bits, of the fingerprints so far.
class Index {
 public:
  void Add(int64_t fingerprint, const std::vector<uint32_t>& items) {
    uint32_t last = 0;
    for (size_t i = 0; i < items.size(); ++i) {
      const uint32_t key = items[i] >> kDroppedBits;
      // A run of one item would only say one thing many times.
      if (i > 0 && key == last) continue;
      last = key;
      std::vector<Place>& places = places_[key];
      if (places.size() <= kMostSharing) places.push_back({fingerprint, static_cast<int64_t>(i)});
    }
  }

  // For each earlier fingerprint and shift, how many items agree.
  std::map<std::pair<int64_t, int64_t>, int64_t> Agreeing(
      const std::vector<uint32_t>& items) const {
    std::map<std::pair<int64_t, int64_t>, int64_t> counts;
    for (size_t i = 0; i < items.size(); ++i) {
      const auto found = places_.find(items[i] >> kDroppedBits);
      if (found == places_.end() || found->second.size() > kMostSharing) continue;
      for (const Place& place : found->second) {
        ++counts[{place.fingerprint, place.item - static_cast<int64_t>(i)}];
      }
    }
    return counts;
  }

 private:
  std::unordered_map<uint32_t, std::vector<Place>> places_;
};

}  // namespace

std::vector<uint32_t> DecodeFingerprint(const std::string& text) {
  uint32_t* items = nullptr;
  int size = 0, algorithm = 0;
  if (!chromaprint_decode_fingerprint(text.data(), static_cast<int>(text.size()), &items, &size,
                                      &algorithm, 1) ||
      items == nullptr) {
    return {};
  }
  std::vector<uint32_t> result(items, items + size);
  chromaprint_dealloc(items);
  return result;
}

std::vector<int64_t> FindDuplicates(absl::Span<const std::vector<uint32_t>> fingerprints) {
  std::vector<int64_t> same(fingerprints.size(), -1);
  Index index;
  for (size_t i = 0; i < fingerprints.size(); ++i) {
    // The map is in the fingerprints' order, so the first that is the same is the earliest.
    for (const auto& [where, agreeing] : index.Agreeing(fingerprints[i])) {
      const auto& [earlier, shift] = where;
      if (agreeing < kLeastAgreeing) continue;
      if (DifferentBits(fingerprints[earlier], fingerprints[i], shift) >= kMostDifferentBits) {
        continue;
      }
      same[i] = earlier;
      break;
    }
    index.Add(static_cast<int64_t>(i), fingerprints[i]);
  }
  return same;
}

}  // namespace vidmuse::curate
