#include "core/curate/silence.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace vidmuse::curate {

double SilentShare(const Sound& sound) {
  constexpr double kMostSquare = 1e-6;  // -60 dBFS
  const size_t samples = sound.channels[0].size();
  const size_t step = std::max(sound.sample_rate / 10, 1);
  int64_t parts = 0, silent = 0;
  for (size_t first = 0; first < samples; first += step) {
    const size_t end = std::min(first + step, samples);
    double squares = 0;
    for (const std::vector<float>& channel : sound.channels) {
      for (size_t i = first; i < end; ++i) squares += double{channel[i]} * channel[i];
    }
    ++parts;
    silent += squares < kMostSquare * static_cast<double>((end - first) * sound.channels.size());
  }
  return parts == 0 ? 1 : static_cast<double>(silent) / static_cast<double>(parts);
}

}  // namespace vidmuse::curate
