#include "core/curate/structural_similarity.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace vidmuse::curate {
namespace {

constexpr int kWindow = 11;
constexpr double kDeviation = 1.5;
constexpr double kC1 = (0.01 * 255) * (0.01 * 255);
constexpr double kC2 = (0.03 * 255) * (0.03 * 255);

std::array<float, kWindow> GaussianWindow() {
  std::array<float, kWindow> window{};
  double sum = 0;
  for (int i = 0; i < kWindow; ++i) {
    const int x = i - kWindow / 2;
    window[i] = static_cast<float>(std::exp(-x * x / (2 * kDeviation * kDeviation)));
    sum += window[i];
  }
  for (float& weight : window) weight = static_cast<float>(weight / sum);
  return window;
}

// The values' weighted means at all places where the window fits, [height - 10][width - 10].
std::vector<float> Blur(const std::vector<float>& values, int width, int height) {
  static const std::array<float, kWindow> window = GaussianWindow();
  const int inner_width = width - kWindow + 1, inner_height = height - kWindow + 1;
  std::vector<float> rows(static_cast<size_t>(height) * inner_width);
  for (int y = 0; y < height; ++y) {
    const float* in = &values[static_cast<size_t>(y) * width];
    float* out = &rows[static_cast<size_t>(y) * inner_width];
    for (int i = 0; i < kWindow; ++i) {
      for (int x = 0; x < inner_width; ++x) out[x] += window[i] * in[x + i];
    }
  }
  std::vector<float> result(static_cast<size_t>(inner_height) * inner_width);
  for (int y = 0; y < inner_height; ++y) {
    float* out = &result[static_cast<size_t>(y) * inner_width];
    for (int i = 0; i < kWindow; ++i) {
      const float* in = &rows[static_cast<size_t>(y + i) * inner_width];
      for (int x = 0; x < inner_width; ++x) out[x] += window[i] * in[x];
    }
  }
  return result;
}

// Pixels from -128 to 127, so that float32 holds differences of squares well.
std::vector<float> Centred(const Picture& picture) {
  std::vector<float> values(picture.pixels.size());
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(picture.pixels[i]) - 128;
  return values;
}

std::vector<float> Product(const std::vector<float>& a, const std::vector<float>& b) {
  std::vector<float> product(a.size());
  for (size_t i = 0; i < a.size(); ++i) product[i] = a[i] * b[i];
  return product;
}

}  // namespace

double StructuralSimilarity(const Picture& a, const Picture& b) {
  const std::vector<float> x = Centred(a), y = Centred(b);
  const auto blur = [&](const std::vector<float>& values) {
    return Blur(values, a.width, a.height);
  };
  const std::vector<float> mean_x = blur(x), mean_y = blur(y);
  const std::vector<float> xx = blur(Product(x, x)), yy = blur(Product(y, y)),
                           xy = blur(Product(x, y));
  double sum = 0;
  for (size_t i = 0; i < mean_x.size(); ++i) {
    const double mx = mean_x[i], my = mean_y[i];
    const double vx = xx[i] - mx * mx, vy = yy[i] - my * my, covariance = xy[i] - mx * my;
    const double level_x = mx + 128, level_y = my + 128;
    sum += ((2 * level_x * level_y + kC1) * (2 * covariance + kC2)) /
           ((level_x * level_x + level_y * level_y + kC1) * (vx + vy + kC2));
  }
  return sum / static_cast<double>(mean_x.size());
}

double MeanDifference(const Picture& a, const Picture& b) {
  if (a.pixels.size() != b.pixels.size()) return 0;
  int64_t sum = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(int{a.pixels[i]} - b.pixels[i]);
  return static_cast<double>(sum) / static_cast<double>(a.pixels.size());
}

}  // namespace vidmuse::curate
