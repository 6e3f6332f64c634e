#include "core/evaluate/clip_facts.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/status_macros.h"
#include "core/evaluate/rhythm.h"

namespace vidmuse::evaluate {
namespace {

using nlohmann::json;

// Calls `read` on the parsed text. nullopt: the text is no JSON, or lacks a field.
template <typename Read>
auto Parse(absl::string_view text, Read read) -> std::optional<decltype(read(json()))> {
  try {
    return read(json::parse(text.begin(), text.end()));
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

}  // namespace

SoundFacts FactsOf(const Sound& sound) {
  SoundFacts facts;
  facts.sample_rate = sound.sample_rate;
  facts.channels = static_cast<int>(sound.channels.size());
  if (!sound.channels.empty()) {
    facts.seconds = static_cast<double>(sound.channels[0].size()) / sound.sample_rate;
  }
  for (const std::vector<float>& channel : sound.channels) {
    for (const float sample : channel) {
      facts.peak = std::max(facts.peak, std::fabs(static_cast<double>(sample)));
    }
  }
  return facts;
}

absl::StatusOr<Rhythm> AnalyseRhythm(const Sound& sound) {
  ASSIGN_OR_RETURN(const std::vector<float> samples, MonoForRhythm(sound));
  ASSIGN_OR_RETURN(const std::vector<double> strength, OnsetStrength(samples, BandAverage::kMean));
  ASSIGN_OR_RETURN(const std::vector<double> beat_strength,
                   OnsetStrength(samples, BandAverage::kMedian));
  ASSIGN_OR_RETURN(Beats beats, TrackBeats(beat_strength));
  ASSIGN_OR_RETURN(const Chroma chroma, MeanChroma(samples));
  return Rhythm{.onsets = PickOnsets(strength, kLorisPeaks),
                .d2m_gan_onsets = PickOnsets(strength, kD2mGanPeaks),
                .beats = std::move(beats.times),
                .tempo = beats.tempo,
                .key = FindKey(chroma)};
}

std::string PackFacts(const SoundFacts& facts) {
  return json{{"seconds", facts.seconds},
              {"peak", facts.peak},
              {"sample_rate", facts.sample_rate},
              {"channels", facts.channels}}
      .dump();
}

std::optional<SoundFacts> UnpackFacts(absl::string_view text) {
  return Parse(text, [](const json& value) {
    return SoundFacts{value.at("seconds").get<double>(), value.at("peak").get<double>(),
                      value.at("sample_rate").get<int>(), value.at("channels").get<int>()};
  });
}

std::string PackRhythm(const Rhythm& rhythm) {
  return json{{"onsets", rhythm.onsets},
              {"d2m_gan_onsets", rhythm.d2m_gan_onsets},
              {"beats", rhythm.beats},
              {"tempo", rhythm.tempo},
              {"tonic", rhythm.key.tonic},
              {"minor", rhythm.key.minor},
              {"correlation", rhythm.key.correlation},
              {"margin", rhythm.key.margin}}
      .dump();
}

std::optional<Rhythm> UnpackRhythm(absl::string_view text) {
  return Parse(text, [](const json& value) {
    const auto times = [&](const char* name) { return value.at(name).get<std::vector<double>>(); };
    return Rhythm{.onsets = times("onsets"),
                  .d2m_gan_onsets = times("d2m_gan_onsets"),
                  .beats = times("beats"),
                  .tempo = value.at("tempo").get<double>(),
                  .key = {.tonic = value.at("tonic").get<int>(),
                          .minor = value.at("minor").get<bool>(),
                          .correlation = value.at("correlation").get<double>(),
                          .margin = value.at("margin").get<double>()}};
  });
}

std::string PackTimes(const std::vector<double>& times) { return json(times).dump(); }

std::optional<std::vector<double>> UnpackTimes(absl::string_view text) {
  return Parse(text, [](const json& value) { return value.get<std::vector<double>>(); });
}

}  // namespace vidmuse::evaluate
