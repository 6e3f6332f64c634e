#include "core/train/synthetic_scene.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "core/train/random.h"

namespace vidmuse::train {
namespace {

using Color = std::array<double, 3>;

// Number of shapes, and their speed in picture widths per second, by tempo.
constexpr int kShapes[kTempos] = {3, 6, 10, 16};
constexpr double kSpeeds[kTempos] = {0.08, 0.2, 0.45, 0.9};
// Length of a shot in seconds, by tempo: faster music has faster cuts.
constexpr double kShotSeconds[kTempos] = {4.0, 3.0, 2.0, 1.25};
// Number of horizontal bands of the ground, alternately light and dark: faster music has more.
constexpr int kBands[kTempos] = {1, 2, 4, 8};
constexpr double kDarkBand = 0.6;  // brightness of a dark band relative to a light one
// Hues, [mode][tempo]: red to yellow for major, azure to violet for minor.
constexpr double kHues[2][kTempos] = {{0.0, 0.055, 0.11, 0.165}, {0.56, 0.63, 0.70, 0.77}};
constexpr double kHueSpread = 0.012;
constexpr int kTrail = 4;            // fainter copies behind a moving shape
constexpr double kTrailStep = 0.06;  // seconds between copies

// Hue on [0, 1): 0 red, 1/3 green, 2/3 blue.
Color FromHue(double hue, double saturation, double value) {
  Color color;
  for (int channel = 0; channel < 3; ++channel) {
    const double distance = std::fabs(std::remainder(hue - channel / 3.0, 1.0));
    const double level = std::clamp(2 - 6 * distance, 0.0, 1.0);
    color[channel] = 255 * value * (1 - saturation + saturation * level);
  }
  return color;
}

// Folds a position into [0, 1], as if it were reflected at the borders.
double Bounce(double position) {
  const double folded = std::fabs(std::remainder(position, 2.0));
  return folded;
}

struct Shape {
  double x, y, vx, vy, radius;
  Color color;
};

class Canvas {
 public:
  Canvas(int size, uint8_t* planes) : size_(size), planes_(planes) {}

  // Fills the picture with `bands` of equal height, alternately `light` and `dark` from the top.
  void Ground(int bands, const Color& light, const Color& dark) {
    for (int channel = 0; channel < 3; ++channel) {
      for (int y = 0; y < size_; ++y) {
        const Color& color = y * bands / size_ % 2 == 0 ? light : dark;
        std::fill_n(planes_ + (static_cast<size_t>(channel) * size_ + y) * size_, size_,
                    static_cast<uint8_t>(color[channel]));
      }
    }
  }

  // Draws a shape. `timbre`: 0 is a disc, 1 a square, 2 a diamond. Positions and radius are
  // fractions of the width.
  void Draw(int timbre, double x, double y, double radius, const Color& color, double alpha) {
    const auto bound = [this](double at) {
      return std::clamp(static_cast<int>(at * size_), 0, size_);
    };
    for (int row = bound(y - radius); row < bound(y + radius); ++row) {
      for (int column = bound(x - radius); column < bound(x + radius); ++column) {
        const double dx = std::fabs((column + 0.5) / size_ - x) / radius;
        const double dy = std::fabs((row + 0.5) / size_ - y) / radius;
        if (!Inside(timbre, dx, dy)) continue;
        for (int channel = 0; channel < 3; ++channel) {
          uint8_t& pixel = planes_[(static_cast<size_t>(channel) * size_ + row) * size_ + column];
          pixel = static_cast<uint8_t>(pixel + alpha * (color[channel] - pixel));
        }
      }
    }
  }

 private:
  static bool Inside(int timbre, double dx, double dy) {
    if (timbre == 0) return dx * dx + dy * dy < 1;
    if (timbre == 1) return dx < 0.85 && dy < 0.85;
    return dx + dy < 1;
  }

  const int size_;
  uint8_t* const planes_;
};

Shape MakeShape(const ClipSpec& spec, double hue, Random* random) {
  Shape shape;
  shape.x = random->Uniform();
  shape.y = random->Uniform();
  const double angle = random->Uniform(0, 6.283);
  const double speed = kSpeeds[spec.tempo] * random->Uniform(0.8, 1.2);
  shape.vx = speed * std::cos(angle);
  shape.vy = speed * std::sin(angle);
  shape.radius = (spec.high ? 0.06 : 0.12) * random->Uniform(0.8, 1.25);
  shape.color = FromHue(hue + random->Uniform(-0.02, 0.02), 0.6,
                        spec.high ? 1.0 : random->Uniform(0.55, 0.75));
  return shape;
}

}  // namespace

void RenderScene(const ClipSpec& spec, double time, int size, uint8_t* planes) {
  const double shot_seconds = kShotSeconds[spec.tempo];
  const auto shot = static_cast<int64_t>(time / shot_seconds);
  const double t = time - static_cast<double>(shot) * shot_seconds;
  Random random(spec.seed, "shot", shot);
  const double hue =
      kHues[spec.minor ? 1 : 0][spec.tempo] + random.Uniform(-kHueSpread, kHueSpread);
  const double value = spec.high ? random.Uniform(0.7, 0.9) : random.Uniform(0.2, 0.35);
  const double saturation = random.Uniform(0.55, 0.8);
  Canvas canvas(size, planes);
  canvas.Ground(kBands[spec.tempo], FromHue(hue, saturation, value),
                FromHue(hue + 0.03, saturation, kDarkBand * value));
  for (int i = 0; i < kShapes[spec.tempo]; ++i) {
    const Shape shape = MakeShape(spec, hue + 0.03, &random);
    for (int copy = kTrail; copy >= 0; --copy) {
      const double at = t - copy * kTrailStep;
      canvas.Draw(spec.timbre, Bounce(shape.x + shape.vx * at), Bounce(shape.y + shape.vy * at),
                  shape.radius, shape.color, copy == 0 ? 1.0 : 0.35);
    }
  }
}

}  // namespace vidmuse::train
