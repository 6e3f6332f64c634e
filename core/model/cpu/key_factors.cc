#include "core/model/cpu/key_factors.h"

#include <algorithm>
#include <cmath>

namespace vidmuse::cpu {

void KeyFactors(absl::Span<const double> sizes, float* factors) {
  const auto logarithm = [](double size) { return std::log2(std::max(size, 1e-30)); };
  double usual = 0;  // the mean of the logarithms
  for (const double size : sizes) usual += logarithm(size) / static_cast<double>(sizes.size());
  for (size_t i = 0; i < sizes.size(); ++i) {
    // The bounds keep weights of any size finite.
    const double shift = std::clamp(std::round(usual - logarithm(sizes[i])), -20.0, 20.0);
    factors[i] = std::exp2(static_cast<float>(shift));
  }
}

}  // namespace vidmuse::cpu
