#include "core/evaluate/music_key.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/evaluate/rhythm.h"
#include "core/evaluate/spectrum_tensors.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse::evaluate {
namespace {

using at::Tensor;

constexpr int64_t kSize = 8192;
constexpr int64_t kHop = 2048;
constexpr int kPitches = 12;

constexpr Chroma kMajor = {6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88};
constexpr Chroma kMinor = {6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17};

// Which pitch each bin is, in semitones above the A of 27.5 Hz. The bin of 0 Hz has no pitch: it
// stands half a turn below the next.
std::vector<double> BinPitches() {
  std::vector<double> pitches(1);
  for (int64_t bin = 1; bin < kSize; ++bin) {
    const double hertz = static_cast<double>(bin) * kRhythmRate / kSize;
    pitches.push_back(kPitches * std::log2(hertz / 27.5));
  }
  pitches[0] = pitches[1] - 1.5 * kPitches;
  return pitches;
}

// librosa.filters.chroma: Gaussians around each pitch class, as wide as a bin or a semitone, of
// equal length in each bin, under a Gaussian over octaves around the fifth: [kSize / 2 + 1,
// kPitches]
Tensor ChromaFilters() {
  const std::vector<double> pitches = BinPitches();
  Tensor filters = at::zeros({kSize / 2 + 1, kPitches}, at::kDouble);
  auto weights = filters.accessor<double, 2>();
  for (int64_t bin = 0; bin <= kSize / 2; ++bin) {
    const auto i = static_cast<size_t>(bin);
    const double width = std::max(pitches[i + 1] - pitches[i], 1.0);
    const double octaves = (pitches[i] / kPitches - 5) / 2;
    double squares = 0;
    for (int pitch = 0; pitch < kPitches; ++pitch) {
      // From -6 to 6 semitones.
      const double turns = (pitches[i] - pitch) / kPitches + 0.5;
      const double distance = kPitches * (turns - std::floor(turns)) - kPitches / 2.0;
      // The filters count from A, the chroma from C.
      double& weight = weights[bin][(pitch + 9) % kPitches];
      weight = std::exp(-0.5 * std::pow(2 * distance / width, 2));
      squares += weight * weight;
    }
    for (int pitch = 0; pitch < kPitches; ++pitch) {
      weights[bin][pitch] *= std::exp(-0.5 * octaves * octaves) / std::sqrt(squares);
    }
  }
  return filters;
}

// Pearson's correlation of the chroma with a profile whose tonic is `tonic`.
double Correlate(const Chroma& chroma, const Chroma& profile, int tonic) {
  double mean = 0, profile_mean = 0;
  for (size_t i = 0; i < kPitches; ++i) {
    mean += chroma[i] / kPitches;
    profile_mean += profile[i] / kPitches;
  }
  double products = 0, squares = 0, profile_squares = 0;
  for (size_t i = 0; i < kPitches; ++i) {
    const double a = chroma[(i + static_cast<size_t>(tonic)) % kPitches] - mean;
    const double b = profile[i] - profile_mean;
    products += a * b;
    squares += a * a;
    profile_squares += b * b;
  }
  return squares > 0 ? products / std::sqrt(squares * profile_squares) : 0;
}

}  // namespace

absl::StatusOr<Chroma> MeanChroma(absl::Span<const float> samples) {
  if (samples.size() < kSize) {
    return absl::InvalidArgumentError(absl::StrCat(
        samples.size(), " samples are too few for a key; at least ", kSize, " are needed"));
  }
  if (!std::all_of(samples.begin(), samples.end(), [](float s) { return std::isfinite(s); })) {
    return absl::InvalidArgumentError("the sound has a sample that isn't finite");
  }
  Chroma chroma{};
  RETURN_IF_ERROR(RunTorch([&] {
    const Tensor filters = ChromaFilters();
    Tensor sum = at::zeros({kPitches}, at::kDouble);
    int64_t frames = 0;
    VisitPowerSpectra(samples, kSize, kHop, [&](const Tensor& power) {
      const Tensor raw = at::mm(power, filters);
      const Tensor highest = raw.amax(1, /*keepdim=*/true);
      // Silence has no pitch.
      sum += at::where(highest > 0, raw / highest, raw).sum(0);
      frames += raw.size(0);
    });
    const Tensor mean = sum / frames;
    std::copy_n(mean.const_data_ptr<double>(), kPitches, chroma.begin());
    return absl::OkStatus();
  }));
  return chroma;
}

std::string MusicKey::Name() const {
  constexpr const char* kNames[] = {"C",  "C#", "D",  "D#", "E",  "F",
                                    "F#", "G",  "G#", "A",  "A#", "B"};
  return absl::StrCat(kNames[tonic], minor ? " minor" : " major");
}

MusicKey FindKey(const Chroma& chroma) {
  MusicKey best{.correlation = -2};
  double second = -2;
  for (const bool minor : {false, true}) {
    for (int tonic = 0; tonic < kPitches; ++tonic) {
      const double correlation = Correlate(chroma, minor ? kMinor : kMajor, tonic);
      if (correlation > best.correlation) {
        second = best.correlation;
        best = {.tonic = tonic, .minor = minor, .correlation = correlation};
      } else {
        second = std::max(second, correlation);
      }
    }
  }
  best.margin = best.correlation - second;
  return best;
}

KeyAgreement CompareKeys(const MusicKey& reference, const MusicKey& key) {
  if (reference.minor == key.minor) {
    return reference.tonic == key.tonic ? KeyAgreement::kSame : KeyAgreement::kNone;
  }
  if (reference.tonic == key.tonic) return KeyAgreement::kParallel;
  // A minor key's relative is three semitones above it.
  const int minor = reference.minor ? reference.tonic : key.tonic;
  const int major = reference.minor ? key.tonic : reference.tonic;
  return (minor + 3) % kPitches == major ? KeyAgreement::kRelative : KeyAgreement::kNone;
}

}  // namespace vidmuse::evaluate
