#include "core/curate/separate_stage.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/audio/audio_encoder.h"
#include "core/base/status_macros.h"
#include "core/curate/detection.h"
#include "core/curate/music_stage.h"
#include "core/curate/silence.h"
#include "core/evaluate/clip_facts.h"

namespace vidmuse::curate {
namespace {

double Energy(const Sound& sound) {
  double sum = 0;
  for (const std::vector<float>& channel : sound.channels) {
    for (const float sample : channel) sum += double{sample} * sample;
  }
  return sum;
}

// A WAV file's bytes. Louder sounds than full scale are scaled down as a whole, with 1% to spare,
// as Demucs' own program does it.
absl::StatusOr<std::string> WavOf(const Sound& sound) {
  const auto peak = static_cast<float>(evaluate::FactsOf(sound).peak);
  const float gain = 1 / std::max(1.01F * peak, 1.0F);
  const size_t channels = sound.channels.size(), samples = sound.channels[0].size();
  std::vector<float> interleaved(channels * samples);
  for (size_t c = 0; c < channels; ++c) {
    for (size_t i = 0; i < samples; ++i)
      interleaved[i * channels + c] = gain * sound.channels[c][i];
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<AudioEncoder> encoder,
                   AudioEncoder::Create(AudioFormat::kWav, sound.sample_rate,
                                        static_cast<int>(channels), static_cast<int64_t>(samples)));
  std::string bytes;
  RETURN_IF_ERROR(encoder->Encode(interleaved, true, &bytes));
  return bytes;
}

class SeparateStage final : public Stage {
 public:
  SeparateStage(SoundSource sounds, const HtDemucs* network, const SoundExtractor* detector,
                const MeasurementStore* store)
      : sounds_(std::move(sounds)), network_(*network), detector_(*detector), store_(*store) {}

  std::string name() const override { return "separate"; }
  std::string settings() const override {
    return absl::StrCat("1, ", network_.info().sha256, ", ", detector_.info().sha256);
  }

  absl::StatusOr<Json> Measure(const RawClip& clip, const Measurements&) const override {
    ASSIGN_OR_RETURN(const Sound sound, sounds_(clip.sound, kMostSoundSeconds));
    ASSIGN_OR_RETURN(const VocalSplit split, network_.SplitVocals(sound));
    ASSIGN_OR_RETURN(const SoundShares left,
                     DetectSounds(detector_, split.rest, kLeastProbability));
    ASSIGN_OR_RETURN(const SoundShares removed,
                     DetectSounds(detector_, split.vocals, kLeastProbability));
    ASSIGN_OR_RETURN(const std::string bytes, WavOf(split.rest));
    const std::string path = std::filesystem::absolute(store_.FileOf(name(), clip.id, ".wav"));
    RETURN_IF_ERROR(WriteWhole(path, bytes));
    const double vocals = Energy(split.vocals), rest = Energy(split.rest);
    Json measured;
    measured["path"] = path;
    measured["sample_rate"] = split.rest.sample_rate;
    measured["vocals_share"] = vocals + rest > 0 ? vocals / (vocals + rest) : 0;
    measured["music_share"] = left.music;
    measured["speech_share"] = left.speech;
    measured["singing_share"] = left.singing;
    measured["removed_music_share"] = removed.music;
    measured["silent_share"] = SilentShare(split.rest);
    return measured;
  }

 private:
  const SoundSource sounds_;
  const HtDemucs& network_;
  const SoundExtractor& detector_;
  const MeasurementStore& store_;
};

}  // namespace

std::unique_ptr<Stage> NewSeparateStage(SoundSource sounds, const HtDemucs* network,
                                        const SoundExtractor* detector,
                                        const MeasurementStore* store) {
  return std::make_unique<SeparateStage>(std::move(sounds), network, detector, store);
}

}  // namespace vidmuse::curate
