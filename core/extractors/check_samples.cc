#include "core/extractors/check_samples.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace vidmuse {

absl::Status CheckSamples(const Sound& sound) {
  constexpr int kLeastRate = 1000;
  constexpr int kMostRate = 384'000;
  if (sound.sample_rate < kLeastRate || sound.sample_rate > kMostRate) {
    return absl::InvalidArgumentError(absl::StrCat("the sound has a sample rate of ",
                                                   sound.sample_rate, " Hz, outside ", kLeastRate,
                                                   " to ", kMostRate));
  }
  if (sound.channels.empty() || sound.channels[0].empty()) {
    return absl::InvalidArgumentError("the sound has no samples");
  }
  for (const std::vector<float>& channel : sound.channels) {
    if (channel.size() != sound.channels[0].size()) {
      return absl::InvalidArgumentError("the sound's channels aren't equally long");
    }
    if (!std::all_of(channel.begin(), channel.end(), [](float x) { return std::isfinite(x); })) {
      return absl::InvalidArgumentError("the sound has samples that aren't finite numbers");
    }
  }
  return absl::OkStatus();
}

}  // namespace vidmuse
