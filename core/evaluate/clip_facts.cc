#include "core/evaluate/clip_facts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

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

std::string KeyName(int key) {
  static constexpr std::array<const char*, 12> kNames = {"C",  "C#", "D",  "D#", "E",  "F",
                                                         "F#", "G",  "G#", "A",  "A#", "B"};
  if (key < 0 || key >= 24) return "none";
  return absl::StrCat(kNames[static_cast<size_t>(key % 12)], key < 12 ? " major" : " minor");
}

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
              {"beats", rhythm.beats},
              {"tempo", rhythm.tempo},
              {"key", rhythm.key}}
      .dump();
}

std::optional<Rhythm> UnpackRhythm(absl::string_view text) {
  return Parse(text, [](const json& value) {
    return Rhythm{value.at("onsets").get<std::vector<double>>(),
                  value.at("beats").get<std::vector<double>>(), value.at("tempo").get<double>(),
                  value.at("key").get<int>()};
  });
}

std::string PackTimes(const std::vector<double>& times) { return json(times).dump(); }

std::optional<std::vector<double>> UnpackTimes(absl::string_view text) {
  return Parse(text, [](const json& value) { return value.get<std::vector<double>>(); });
}

}  // namespace vidmuse::evaluate
