// Splits a set in two halves: what a set measure gives for them is the lowest value to expect of a
// perfect set of that size.
#ifndef VIDMUSE_EVALUATE_FLOORS_H_
#define VIDMUSE_EVALUATE_FLOORS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

namespace vidmuse::evaluate {

// Numbers of the clips in each half, ascending. If the number of clips is odd, the first half has
// one clip more.
struct Halves {
  std::vector<int64_t> first;
  std::vector<int64_t> second;
};

// Splits `clips` clips at random; the halves are a function of `clips` and `seed`.
// INVALID_ARGUMENT: there are fewer than 4, so that a half would be no set.
absl::StatusOr<Halves> SplitInHalves(int64_t clips, uint64_t seed);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_FLOORS_H_
