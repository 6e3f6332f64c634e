#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "core/base/status_macros.h"
#include "core/evaluate/rhythm.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse::evaluate {
namespace {

using at::Tensor;

constexpr double kFrameRate = static_cast<double>(kRhythmRate) / kRhythmHop;
constexpr int64_t kWindow = 344;  // frames of the autocorrelation: 8 s

// The strength, continued for half a window on both sides by straight lines to 0.
Tensor WithRamps(absl::Span<const double> strength) {
  constexpr int64_t kRamp = kWindow / 2;
  const auto frames = static_cast<int64_t>(strength.size());
  Tensor padded = at::empty({frames + 2 * kRamp}, at::kDouble);
  double* data = padded.mutable_data_ptr<double>();
  for (int64_t i = 0; i < kRamp; ++i) {
    const double share = static_cast<double>(i) / kRamp;
    data[i] = share * strength.front();
    data[kRamp + frames + kRamp - 1 - i] = share * strength.back();
  }
  std::copy(strength.begin(), strength.end(), data + kRamp);
  return padded;
}

// The autocorrelation of the strength under a window around each frame, scaled to a maximum of 1,
// and averaged over all frames: [kWindow], by lag.
Tensor MeanAutocorrelation(absl::Span<const double> strength) {
  constexpr int64_t kBlock = 128;      // frames
  constexpr int64_t kTransform = 720;  // at least 2 * kWindow - 1
  const auto frames = static_cast<int64_t>(strength.size());
  const Tensor windows = WithRamps(strength).unfold(0, kWindow, 1);
  const Tensor window = at::hann_window(kWindow, at::kDouble);
  Tensor sum = at::zeros({kWindow}, at::kDouble);
  for (int64_t first = 0; first < frames; first += kBlock) {
    const Tensor some = windows.narrow(0, first, std::min(kBlock, frames - first)) * window;
    const Tensor spectrum = at::view_as_real(at::fft_rfft(some, kTransform));
    const Tensor power = spectrum.pow(2).sum(2);
    const Tensor correlation = at::fft_irfft(power, kTransform).narrow(1, 0, kWindow);
    const Tensor highest = correlation.abs().amax(1, /*keepdim=*/true);
    // A window without onsets stays as it is.
    sum += at::where(highest > 0, correlation / highest, correlation).sum(0);
  }
  return sum / frames;
}

double FindTempo(absl::Span<const double> strength) {
  constexpr double kExpected = 120, kHighest = 320;
  const Tensor correlation = MeanAutocorrelation(strength).contiguous();
  const double* by_lag = correlation.const_data_ptr<double>();
  double best = -std::numeric_limits<double>::infinity();
  double best_tempo = 0;
  for (int64_t lag = 1; lag < kWindow; ++lag) {
    const double tempo = 60 * kFrameRate / static_cast<double>(lag);
    if (tempo >= kHighest) continue;
    const double octaves = std::log2(tempo / kExpected);
    const double score = std::log1p(1e6 * by_lag[lag]) - 0.5 * octaves * octaves;
    if (score <= best) continue;
    best = score;
    best_tempo = tempo;
  }
  return best_tempo;
}

// The strength in units of its deviation, smoothed by a Gaussian of 1/32 beat. As in librosa, the
// first frame adds nothing to the scores of others.
std::vector<double> LocalScores(absl::Span<const double> strength, int64_t beat) {
  const auto frames = static_cast<int64_t>(strength.size());
  const double mean =
      std::accumulate(strength.begin(), strength.end(), 0.0) / static_cast<double>(frames);
  double squares = 0;
  for (const double value : strength) squares += (value - mean) * (value - mean);
  const double deviation = std::sqrt(squares / static_cast<double>(frames - 1));
  const double scale = 1 / (deviation + std::numeric_limits<float>::min());
  std::vector<double> window;
  for (int64_t i = -beat; i <= beat; ++i) {
    const double place = 32.0 * static_cast<double>(i) / static_cast<double>(beat);
    window.push_back(std::exp(-0.5 * place * place));
  }
  std::vector<double> scores(strength.size());
  for (int64_t i = 0; i < frames; ++i) {
    const int64_t last = std::min(i + beat, 2 * beat + 1);
    for (int64_t k = std::max<int64_t>(0, i + beat - frames + 1); k < last; ++k) {
      scores[static_cast<size_t>(i)] +=
          window[static_cast<size_t>(k)] * scale * strength[static_cast<size_t>(i + beat - k)];
    }
  }
  return scores;
}

struct Paths {
  std::vector<int64_t> before;  // the beat before, or -1
  std::vector<double> scores;   // of the best path that ends at each frame
};

// The best path to each frame, from half a beat to two beats after the beat before.
Paths FindPaths(const std::vector<double>& local, int64_t beat) {
  constexpr double kTightness = 100;
  const double least = 0.01 * *std::max_element(local.begin(), local.end());
  const auto half = static_cast<int64_t>(std::nearbyint(static_cast<double>(beat) / 2));
  std::vector<double> costs(static_cast<size_t>(2 * beat + 1));  // by distance
  for (int64_t distance = half; distance <= 2 * beat; ++distance) {
    const double ratio =
        std::log(static_cast<double>(distance)) - std::log(static_cast<double>(beat));
    costs[static_cast<size_t>(distance)] = kTightness * ratio * ratio;
  }
  Paths paths{.before = std::vector<int64_t>(local.size(), -1), .scores = local};
  bool began = false;
  for (int64_t i = 0; i < static_cast<int64_t>(local.size()); ++i) {
    double best = -std::numeric_limits<double>::infinity();
    int64_t best_before = -1;
    for (int64_t distance = half; distance <= std::min(2 * beat, i); ++distance) {
      const double score =
          paths.scores[static_cast<size_t>(i - distance)] - costs[static_cast<size_t>(distance)];
      if (score <= best) continue;
      best = score;
      best_before = i - distance;
    }
    if (best_before >= 0) paths.scores[static_cast<size_t>(i)] += best;
    // Silence before the first beat is no path.
    if (!began && local[static_cast<size_t>(i)] < least) continue;
    began = true;
    paths.before[static_cast<size_t>(i)] = best_before;
  }
  return paths;
}

// The last local maximum that is at least half the median of all local maxima.
int64_t LastBeat(const std::vector<double>& scores) {
  std::vector<size_t> maxima;
  for (size_t i = 1; i < scores.size(); ++i) {
    const bool holds = i + 1 == scores.size() || scores[i] >= scores[i + 1];
    if (scores[i] > scores[i - 1] && holds) maxima.push_back(i);
  }
  if (maxima.empty()) return static_cast<int64_t>(scores.size()) - 1;
  std::vector<double> heights;
  heights.reserve(maxima.size());
  for (const size_t i : maxima) heights.push_back(scores[i]);
  std::sort(heights.begin(), heights.end());
  const size_t middle = heights.size() / 2;
  const double median =
      heights.size() % 2 == 1 ? heights[middle] : (heights[middle - 1] + heights[middle]) / 2;
  while (maxima.size() > 1 && scores[maxima.back()] < median / 2) maxima.pop_back();
  return static_cast<int64_t>(maxima.back());
}

// Frames of the beats, ascending, without those before the first and after the last strong frame.
std::vector<int64_t> TrimBeats(const std::vector<double>& local, std::vector<int64_t> beats) {
  // Half the root mean square of the beats' scores, smoothed by (1/2, 1, 1/2).
  const auto score = [&](int64_t beat) {
    const bool inside = beat >= 0 && beat < static_cast<int64_t>(beats.size());
    return inside ? local[static_cast<size_t>(beats[static_cast<size_t>(beat)])] : 0;
  };
  // librosa's smoothed sequence has two values more than there are beats.
  double squares = 0;
  for (int64_t i = 0; i <= static_cast<int64_t>(beats.size()); ++i) {
    const double smooth = 0.5 * score(i - 1) + score(i) + 0.5 * score(i + 1);
    squares += smooth * smooth;
  }
  const double threshold =
      0.5 * std::sqrt(squares / static_cast<double>(std::min(beats.size() + 2, local.size())));
  const auto strong = [&](double value) { return value > threshold; };
  const auto first = std::find_if(local.begin(), local.end(), strong) - local.begin();
  const auto last = local.rend() - std::find_if(local.rbegin(), local.rend(), strong) - 1;
  std::erase_if(beats, [&](int64_t beat) { return beat < first || beat > last; });
  return beats;
}

}  // namespace

absl::StatusOr<Beats> TrackBeats(absl::Span<const double> strength) {
  Beats beats;
  if (strength.size() < 2) return beats;
  if (std::all_of(strength.begin(), strength.end(), [](double value) { return value == 0; })) {
    return beats;
  }
  RETURN_IF_ERROR(RunTorch([&] {
    beats.tempo = FindTempo(strength);
    return absl::OkStatus();
  }));
  const auto beat = static_cast<int64_t>(std::nearbyint(kFrameRate * 60 / beats.tempo));
  const std::vector<double> local = LocalScores(strength, beat);
  const Paths paths = FindPaths(local, beat);
  std::vector<int64_t> frames;
  for (int64_t at = LastBeat(paths.scores); at >= 0; at = paths.before[static_cast<size_t>(at)]) {
    frames.push_back(at);
  }
  std::reverse(frames.begin(), frames.end());
  for (const int64_t frame : TrimBeats(local, std::move(frames))) {
    beats.times.push_back(static_cast<double>(frame) / kFrameRate);
  }
  return beats;
}

}  // namespace vidmuse::evaluate
