// What a sound is without any network: its length, its loudest sample, its rhythm and key.
#ifndef VIDMUSE_EVALUATE_CLIP_FACTS_H_
#define VIDMUSE_EVALUATE_CLIP_FACTS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/evaluate/music_key.h"
#include "core/extractors/features.h"

namespace vidmuse::evaluate {

struct SoundFacts {
  double seconds = 0;
  double peak = 0;  // largest absolute value of a sample, 1 at full scale
  int sample_rate = 0;
  int channels = 0;
};

// A sound whose peak is below -60 dB of full scale counts as silent.
constexpr double kSilentPeak = 0.001;

inline bool IsSilent(const SoundFacts& facts) { return facts.peak < kSilentPeak; }

// Times are in seconds, ascending.
struct Rhythm {
  std::vector<double> onsets;          // by kLorisPeaks
  std::vector<double> d2m_gan_onsets;  // by kD2mGanPeaks
  std::vector<double> beats;
  double tempo = 0;  // beats a minute; 0: none was found
  MusicKey key;      // its correlation is 0 if none was found
};

inline bool HasKey(const Rhythm& rhythm) { return rhythm.key.correlation > 0; }

// Finds rhythm and key of a sound. INVALID_ARGUMENT: it is shorter than 0.4 s or has samples that
// aren't finite. See RunTorch for other errors.
absl::StatusOr<Rhythm> AnalyseRhythm(const Sound& sound);

SoundFacts FactsOf(const Sound& sound);

// As text, and back. nullopt: `text` isn't what Pack makes.
std::string PackFacts(const SoundFacts& facts);
std::optional<SoundFacts> UnpackFacts(absl::string_view text);
std::string PackRhythm(const Rhythm& rhythm);
std::optional<Rhythm> UnpackRhythm(absl::string_view text);
std::string PackTimes(const std::vector<double>& times);
std::optional<std::vector<double>> UnpackTimes(absl::string_view text);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_CLIP_FACTS_H_
