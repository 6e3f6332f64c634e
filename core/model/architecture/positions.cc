#include "core/model/architecture/positions.h"

#include <cmath>
#include <cstddef>

namespace vidmuse {

std::vector<float> SinusoidalPositions(int positions, int dim) {
  const int half = dim / 2;
  std::vector<float> table(static_cast<size_t>(positions) * dim);
  for (int i = 0; i < half; ++i) {
    // Each operation is computed in double and rounded to float, so the table has the same bits on
    // every machine.
    const float exponent = static_cast<float>(i) / static_cast<float>(half - 1);
    const auto period = static_cast<float>(std::pow(10000.0, double{exponent}));
    for (int step = 0; step < positions; ++step) {
      const float phase = static_cast<float>(step) / period;
      float* const row = table.data() + static_cast<size_t>(step) * dim;
      row[i] = static_cast<float>(std::cos(double{phase}));
      row[half + i] = static_cast<float>(std::sin(double{phase}));
    }
  }
  return table;
}

}  // namespace vidmuse
