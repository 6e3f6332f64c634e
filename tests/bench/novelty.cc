#include "tests/bench/novelty.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <numbers>

extern "C" {
#include <libavutil/mem.h>
#include <libavutil/tx.h>
}

namespace vidmuse {
namespace {

constexpr int kFramesPerSecond = 50;
constexpr int kWindow = 2048;                     // samples of a spectrum
constexpr double kLowest = 50, kHighest = 12000;  // Hz
constexpr float kSilence = 1e-9F;                 // power, added so that every level is finite

// Power spectra of windows of samples.
class Spectrum {
 public:
  Spectrum() : input_(Allocate()), output_(Allocate()) {
    const float scale = 1;
    if (av_tx_init(&context_, &transform_, AV_TX_FLOAT_FFT, 0, kWindow, &scale, 0) < 0)
      std::abort();
    for (int i = 0; i < kWindow; ++i) {
      window_[i] = 0.5F - 0.5F * std::cos(2 * std::numbers::pi_v<float> * i / kWindow);
    }
  }
  ~Spectrum() { av_tx_uninit(&context_); }
  Spectrum(const Spectrum&) = delete;
  Spectrum& operator=(const Spectrum&) = delete;

  // The powers of the window's frequencies, [kWindow / 2].
  const std::array<float, kWindow / 2>& Of(absl::Span<const float> samples) {
    for (int i = 0; i < kWindow; ++i) {
      input_.get()[i] = {static_cast<size_t>(i) < samples.size() ? samples[i] * window_[i] : 0, 0};
    }
    transform_(context_, output_.get(), input_.get(), sizeof(AVComplexFloat));
    for (int i = 0; i < kWindow / 2; ++i) {
      const AVComplexFloat& bin = output_.get()[i];
      powers_[i] = (bin.re * bin.re + bin.im * bin.im) / kWindow;
    }
    return powers_;
  }

 private:
  struct Free {
    void operator()(AVComplexFloat* memory) const { av_free(memory); }
  };
  using Memory = std::unique_ptr<AVComplexFloat, Free>;
  static Memory Allocate() {
    Memory memory(static_cast<AVComplexFloat*>(av_malloc(kWindow * sizeof(AVComplexFloat))));
    if (memory == nullptr) std::abort();
    return memory;
  }

  AVTXContext* context_ = nullptr;
  av_tx_fn transform_ = nullptr;
  const Memory input_, output_;
  std::array<float, kWindow> window_;
  std::array<float, kWindow / 2> powers_;
};

float Decibels(float power) { return 10 * std::log10(power + kSilence); }

}  // namespace

NoveltyCurve::NoveltyCurve(absl::Span<const float> samples, int sample_rate) {
  // The first bin of each band, and one past the last band.
  std::array<int, kBands + 1> edges;
  for (int band = 0; band <= kBands; ++band) {
    const double hertz = kLowest * std::pow(kHighest / kLowest, static_cast<double>(band) / kBands);
    const int least = band == 0 ? 1 : edges[band - 1] + 1;
    edges[band] = std::clamp(static_cast<int>(hertz * kWindow / sample_rate), least, kWindow / 2);
  }
  Spectrum spectrum;
  const size_t hop = static_cast<size_t>(sample_rate / kFramesPerSecond);
  for (size_t begin = 0; begin + hop <= samples.size(); begin += hop) {
    Frame frame;
    for (const float sample : samples.subspan(begin, hop)) {
      frame.power += sample * sample / static_cast<float>(hop);
    }
    const auto& powers = spectrum.Of(samples.subspan(begin));
    float mean = 0;
    for (int band = 0; band < kBands; ++band) {
      float power = 0;
      for (int bin = edges[band]; bin < edges[band + 1]; ++bin) power += powers[bin];
      frame.levels[band] = Decibels(power / static_cast<float>(edges[band + 1] - edges[band]));
      mean += frame.levels[band] / kBands;
    }
    for (float& level : frame.levels) level -= mean;
    frames_.push_back(frame);
  }
}

double NoveltyCurve::seconds() const {
  return static_cast<double>(frames_.size()) / kFramesPerSecond;
}

Novelty NoveltyCurve::At(double seconds) const {
  constexpr int kContext = static_cast<int>(kNoveltyContext * kFramesPerSecond);
  const int middle = static_cast<int>(std::lround(seconds * kFramesPerSecond));
  std::array<double, kBands> change = {};
  double before = 0, after = 0;
  for (int i = 0; i < kContext; ++i) {
    const Frame& old_frame = frames_.at(static_cast<size_t>(middle - 1 - i));
    const Frame& new_frame = frames_.at(static_cast<size_t>(middle + i));
    for (int band = 0; band < kBands; ++band) {
      change[band] += (new_frame.levels[band] - old_frame.levels[band]) / kContext;
    }
    before += old_frame.power / kContext;
    after += new_frame.power / kContext;
  }
  Novelty novelty;
  for (const double level : change) novelty.spectrum += level * level / kBands;
  novelty.spectrum = std::sqrt(novelty.spectrum);
  novelty.loudness =
      std::abs(Decibels(static_cast<float>(after)) - Decibels(static_cast<float>(before)));
  return novelty;
}

}  // namespace vidmuse
