// Random numbers that are a function of a seed and a place, so that a resumed run draws what an
// uninterrupted one draws.
#ifndef VIDMUSE_TRAIN_RANDOM_H_
#define VIDMUSE_TRAIN_RANDOM_H_

#include <cmath>
#include <cstdint>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/model/hash_model/hash_values.h"

namespace vidmuse::train {

// One sequence of random numbers. Used by one thread at a time.
class Random {
 public:
  // `purpose` and `index` (a step, a clip) choose among a seed's sequences.
  Random(uint64_t seed, absl::string_view purpose, int64_t index = 0)
      : key_(Fnv1a64(absl::StrCat(seed, ":", purpose, ":", index))) {}

  // On [0, 1).
  double Uniform() { return HashUniform(key_, next_++); }
  double Uniform(double low, double high) { return low + (high - low) * Uniform(); }
  // On [0, n); n >= 1, below 2^24.
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
