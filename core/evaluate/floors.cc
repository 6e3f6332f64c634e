#include "core/evaluate/floors.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/evaluate/random_index.h"

namespace vidmuse::evaluate {

absl::StatusOr<Halves> SplitInHalves(int64_t clips, uint64_t seed) {
  if (clips < 4) {
    return absl::InvalidArgumentError(
        absl::StrCat(clips, " clips are too few to split; at least 4 are needed"));
  }
  constexpr uint32_t kStream = 0xffffffff;  // one that no resample and no size has
  std::vector<int64_t> order(static_cast<size_t>(clips));
  std::iota(order.begin(), order.end(), 0);
  // Fisher and Yates' shuffle.
  for (int64_t last = clips - 1; last > 0; --last) {
    const int64_t other = RandomIndex(seed, kStream, static_cast<uint64_t>(last), last + 1);
    std::swap(order[static_cast<size_t>(last)], order[static_cast<size_t>(other)]);
  }
  const auto middle = order.begin() + (clips + 1) / 2;
  Halves halves{{order.begin(), middle}, {middle, order.end()}};
  std::sort(halves.first.begin(), halves.first.end());
  std::sort(halves.second.begin(), halves.second.end());
  return halves;
}

}  // namespace vidmuse::evaluate
