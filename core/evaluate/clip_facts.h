// What a sound is without any network: its length, its loudest sample, its rhythm and key.
#ifndef VIDMUSE_EVALUATE_CLIP_FACTS_H_
#define VIDMUSE_EVALUATE_CLIP_FACTS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
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

struct Rhythm {
  std::vector<double> onsets;  // seconds, ascending
  std::vector<double> beats;   // seconds, ascending
  double tempo = 0;            // beats a minute; 0: none was found
  int key = -1;                // 0 to 11: C to B major, 12 to 23: C to B minor; -1: none was found
};

// "C major" to "B minor", or "none".
std::string KeyName(int key);

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
