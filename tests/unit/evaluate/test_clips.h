// Clips and networks for tests of an evaluation: no network and no decoder is needed.
#ifndef VIDMUSE_TESTS_UNIT_EVALUATE_TEST_CLIPS_H_
#define VIDMUSE_TESTS_UNIT_EVALUATE_TEST_CLIPS_H_

#include <atomic>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/evaluate/evaluate.h"
#include "core/extractors/extractor.h"

namespace vidmuse::evaluate {

inline void WriteFile(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Names of the clips that tests make.
inline std::string ClipName(int clip) { return absl::StrCat("clip", 10 + clip); }

// A test's sound file is text: its level and its number. All samples are the level.
inline std::string SoundText(double level, int number) { return absl::StrCat(level, " ", number); }

// Writes `count` sound files whose levels begin with `level`.
inline void WriteSounds(const std::string& folder, int count, double level) {
  for (int clip = 0; clip < count; ++clip) {
    WriteFile(absl::StrCat(folder, "/", ClipName(clip), ".wav"),
              SoundText(level + 0.01 * clip, clip));
  }
}

inline void WriteVideos(const std::string& folder, int count) {
  for (int clip = 0; clip < count; ++clip) {
    WriteFile(absl::StrCat(folder, "/", ClipName(clip), ".mp4"), ClipName(clip));
  }
}

inline absl::StatusOr<Sound> ReadTestSound(const std::string& path) {
  const std::vector<std::string> parts = absl::StrSplit(ReadFile(path), ' ');
  float level = 0;
  int number = 0;
  if (parts.size() != 2 || !absl::SimpleAtof(parts[0], &level) ||
      !absl::SimpleAtoi(parts[1], &number)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": can't be decoded"));
  }
  Sound sound;
  sound.sample_rate = 100;
  sound.channels.assign(2, std::vector<float>(200, level));
  sound.channels[1][0] = level * static_cast<float>(number) / 100;
  return sound;
}

// Numbers that look random, and are a function of level, number and column.
inline float TestNumber(double level, double number, int64_t column) {
  return static_cast<float>(std::sin(37.7 * number + 1.3 * static_cast<double>(column * column)) +
                            level * std::cos(static_cast<double>(column)));
}

// Makes features of a test's sound.
class FakeSoundExtractor : public SoundExtractor {
 public:
  FakeSoundExtractor(std::string name, int64_t rows, int64_t columns, std::atomic<int>* calls)
      : info_{std::move(name), "fake.pth", std::string(64, 'a'), "none"},
        rows_(rows),
        columns_(columns),
        calls_(calls) {}

  const ExtractorInfo& info() const override { return info_; }

  absl::StatusOr<Features> Extract(const Sound& sound) const override {
    ++*calls_;
    const double level = sound.channels[0][0];
    const double number = level == 0 ? 0 : sound.channels[1][0] / level * 100;
    Features features;
    features.embeddings = Fill(level, number, rows_, columns_);
    features.logits = Fill(level, number, 1, 527);
    return features;
  }

 private:
  static FeatureMatrix Fill(double level, double number, int64_t rows, int64_t columns) {
    FeatureMatrix matrix{rows, columns, {}};
    for (int64_t i = 0; i < rows * columns; ++i) {
      matrix.values.push_back(TestNumber(level, number, i));
    }
    return matrix;
  }

  const ExtractorInfo info_;
  const int64_t rows_;
  const int64_t columns_;
  std::atomic<int>* const calls_;
};

class FakePictureExtractor : public PictureExtractor {
 public:
  explicit FakePictureExtractor(std::atomic<int>* calls) : calls_(calls) {}

  const ExtractorInfo& info() const override { return info_; }

  absl::StatusOr<Features> Extract(const std::string& path) const override {
    ++*calls_;
    const std::string text = ReadFile(path);
    Features features;
    features.embeddings = {1, 8, {}};
    for (int64_t i = 0; i < 8; ++i) {
      features.embeddings.values.push_back(TestNumber(0, text.back(), i));
    }
    return features;
  }

 private:
  const ExtractorInfo info_{"imagebind_pictures", "imagebind_huge.pth", std::string(64, 'b'), ""};
  std::atomic<int>* const calls_;
};

// How often the fakes were called.
struct Calls {
  std::atomic<int> reads = 0;
  std::atomic<int> sounds = 0;
  std::atomic<int> pictures = 0;
  std::atomic<int> rhythms = 0;
};

// A rhythm of beats every half second, and of onsets that depend on the level.
inline Rhythm TestRhythm(const Sound& sound) {
  const double level = sound.channels[0][0];
  Rhythm rhythm;
  rhythm.onsets = {0.1, 1.1 + level};
  rhythm.d2m_gan_onsets = rhythm.onsets;
  rhythm.beats = {0, 0.5, 1, 1.5};
  rhythm.tempo = level < 0.4 ? 120 : 90;
  rhythm.key = {.tonic = level < 0.4 ? 0 : 9, .minor = level >= 0.4, .correlation = 0.5};
  return rhythm;
}

inline Sources FakeSources(Calls* calls) {
  Sources sources;
  sources.read_sound = [calls](const std::string& path, double) {
    ++calls->reads;
    return ReadTestSound(path);
  };
  sources.open_sounds = [calls](
                            SoundNetwork network,
                            const std::string&) -> absl::StatusOr<std::unique_ptr<SoundExtractor>> {
    const bool windows = network == SoundNetwork::kVggish;
    const std::string name = windows                               ? "vggish"
                             : network == SoundNetwork::kClapMusic ? "clap"
                                                                   : "cnn14_16k";
    return std::make_unique<FakeSoundExtractor>(name, windows ? 3 : 1, 8, &calls->sounds);
  };
  sources.open_pictures =
      [calls](PictureNetwork,
              const std::string&) -> absl::StatusOr<std::unique_ptr<PictureExtractor>> {
    return std::make_unique<FakePictureExtractor>(&calls->pictures);
  };
  sources.rhythm = [calls](const Sound& sound) -> absl::StatusOr<Rhythm> {
    ++calls->rhythms;
    return TestRhythm(sound);
  };
  sources.cuts = [](const std::string&) -> absl::StatusOr<std::vector<double>> {
    return std::vector<double>{0.5, 1.2};
  };
  return sources;
}

// Makes empty files with the networks' published names.
inline void WriteExtractors(const std::string& folder) {
  for (const SoundNetwork network :
       {SoundNetwork::kVggish, SoundNetwork::kCnn14At16kHz, SoundNetwork::kImageBindSound}) {
    WriteFile(absl::StrCat(folder, "/", PublishedFile(network)), "");
  }
}

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_TESTS_UNIT_EVALUATE_TEST_CLIPS_H_
