// Random numbers that depend only on a seed and a purpose, so that a resumed run draws the same
// ones as an uninterrupted run.
#ifndef VIDMUSE_TRAIN_RANDOM_H_
#define VIDMUSE_TRAIN_RANDOM_H_

#include <cmath>
#include <cstdint>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/model/synthetic/hash_values.h"

namespace vidmuse::train {

// One sequence of random numbers. Not thread-safe.
class Random {
 public:
  // `purpose` and `index` (for example a step) choose one of the seed's sequences.
  Random(uint64_t seed, absl::string_view purpose, int64_t index = 0)
      : key_(Fnv1a64(absl::StrCat(seed, ":", purpose, ":", index))) {}

  // Uniform on [0, 1).
  double Uniform() { return HashUniform(key_, next_++); }
  double Uniform(double low, double high) { return low + (high - low) * Uniform(); }
  // Uniform on the integers of [0, n), with n from 1 to 2^24 - 1.
  int64_t Index(int64_t n) { return static_cast<int64_t>(Uniform() * static_cast<double>(n)); }
  // Standard normal (Box and Muller, 1958).
  double Normal() {
    const double radius = std::sqrt(-2 * std::log1p(-Uniform()));
    return radius * std::cos(2 * std::numbers::pi * Uniform());
  }

 private:
  const uint64_t key_;
  uint64_t next_ = 0;
};

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_RANDOM_H_
