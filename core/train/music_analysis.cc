#include "core/train/music_analysis.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/train/clip_spec.h"
#include "core/train/parameters.h"
#include "core/train/synthetic_music.h"

namespace vidmuse::train {
namespace {

using at::Tensor;

// [bins][times]
Tensor PowerSpectrum(const Tensor& audio, int64_t size, int64_t hop) {
  const Tensor spectrum = at::stft(audio, size, hop, size, at::hann_window(size), /*center=*/true,
                                   "reflect", /*normalized=*/true, /*onesided=*/true,
                                   /*return_complex=*/true);
  return at::real(spectrum).pow(2) + at::imag(spectrum).pow(2);
}

double Flatness(const Tensor& audio) {
  constexpr int64_t kSize = 2048;
  const auto bin = [](double hertz) { return static_cast<int64_t>(hertz * kSize / kMusicRate); };
  const Tensor power =
      PowerSpectrum(audio, kSize, kSize / 2).narrow(0, bin(50), bin(12000) - bin(50)) + 1e-10;
  const Tensor flatness = power.log().mean(0).exp() / power.mean(0);
  // Silent moments have no spectrum, so they don't count.
  const Tensor loud = (power.mean(0) > 1e-8).to(at::kFloat);
  return (flatness * loud).sum().item<double>() / std::max(1.0, loud.sum().item<double>());
}

constexpr int64_t kOnsetHop = kFrameSamples / 2;

// Mean growth of the logarithmic spectrum over each hop of kOnsetHop samples.
std::vector<double> OnsetStrength(const Tensor& audio) {
  const Tensor level = (PowerSpectrum(audio, 1024, kOnsetHop).sqrt() * 100).log1p();
  const Tensor growth =
      (level.narrow(1, 1, level.size(1) - 1) - level.narrow(1, 0, level.size(1) - 1))
          .clamp_min(0)
          .mean(0)
          .to(at::kDouble)
          .contiguous();
  return {growth.const_data_ptr<double>(), growth.const_data_ptr<double>() + growth.numel()};
}

double OnsetsPerSecond(const std::vector<double>& strength) {
  constexpr int64_t kApart = 7;  // hops between two onsets
  double mean = 0, squares = 0;
  for (const double s : strength) mean += s / static_cast<double>(strength.size());
  for (const double s : strength) {
    squares += (s - mean) * (s - mean) / static_cast<double>(strength.size());
  }
  const double threshold = mean + std::sqrt(squares);
  int onsets = 0;
  int64_t last = -kApart;
  for (size_t i = 1; i + 1 < strength.size(); ++i) {
    const bool peak = strength[i] > strength[i - 1] && strength[i] >= strength[i + 1];
    if (!peak || strength[i] < threshold || static_cast<int64_t>(i) - last < kApart) continue;
    last = static_cast<int64_t>(i);
    ++onsets;
  }
  const double seconds = static_cast<double>(strength.size()) * kOnsetHop / kMusicRate;
  return onsets / seconds;
}

// Mean strength at pulses `period` hops apart, for the phase that gives the highest.
double PulseStrength(const std::vector<double>& strength, double period) {
  double best = 0;
  for (int phase = 0; phase < period; ++phase) {
    double sum = 0;
    int count = 0;
    const auto at = [&] { return static_cast<size_t>(std::lround(phase + count * period)); };
    for (; at() < strength.size(); ++count) sum += strength[at()];
    if (count > 0) best = std::max(best, sum / count);
  }
  return best;
}

int BestTempo(const std::vector<double>& strength) {
  int best = 0;
  double highest = -1;
  for (int tempo = 0; tempo < kTempos; ++tempo) {
    const double pulse = PulseStrength(strength, kNoteFrames[tempo] * kFrameSamples / kOnsetHop);
    if (pulse > highest) {
      highest = pulse;
      best = tempo;
    }
  }
  return best;
}

bool IsMinor(const Tensor& audio) {
  constexpr int64_t kSize = 16384;
  constexpr double kMinor[] = {6.0 / 5, 8.0 / 5, 9.0 / 5};
  constexpr double kMajor[] = {5.0 / 4, 5.0 / 3, 15.0 / 8};
  constexpr double kLowest = 140, kHighest = 1300;
  const Tensor level = PowerSpectrum(audio, kSize, kSize / 4).mean(1).sqrt().contiguous();
  const float* levels = level.const_data_ptr<float>();
  const auto sum = [&](absl::Span<const double> ratios) {
    double total = 0;
    for (const double ratio : ratios) {
      // NOLINTNEXTLINE(bugprone-float-loop-counter): doubling is exact
      for (double hertz = kTonic * ratio / 4; hertz < kHighest; hertz *= 2) {
        if (hertz < kLowest) continue;
        total += levels[std::lround(hertz * kSize / kMusicRate)];
      }
    }
    return total;
  };
  return sum(kMinor) > sum(kMajor);
}

}  // namespace

absl::StatusOr<MusicMeasures> MeasureMusic(absl::Span<const float> samples) {
  if (samples.size() < kMusicRate) {
    return absl::InvalidArgumentError(
        absl::StrCat(samples.size(), " samples are too few to measure"));
  }
  MusicMeasures measures;
  RETURN_IF_ERROR(CatchTorch([&] {
    const Tensor audio =
        at::from_blob(const_cast<float*>(samples.data()), {static_cast<int64_t>(samples.size())});
    measures.rms = audio.pow(2).mean().sqrt().item<double>();
    measures.flatness = Flatness(audio);
    const std::vector<double> strength = OnsetStrength(audio);
    measures.onsets_per_second = OnsetsPerSecond(strength);
    measures.tempo = BestTempo(strength);
    measures.minor = IsMinor(audio);
    return absl::OkStatus();
  }));
  return measures;
}

}  // namespace vidmuse::train
