#include "core/curate/duplicates_stage.h"

#include <chromaprint.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/base/status_macros.h"

namespace vidmuse::curate {
namespace {

constexpr double kSeconds = 120;

struct ContextDeleter {
  void operator()(ChromaprintContext* context) const { chromaprint_free(context); }
};

// Interleaved samples of the sound's beginning, at most two channels, which is what Chromaprint
// takes.
std::vector<int16_t> Beginning(const Sound& sound, int channels) {
  const auto samples =
      std::min(sound.channels[0].size(), static_cast<size_t>(kSeconds * sound.sample_rate));
  std::vector<int16_t> interleaved(samples * channels);
  for (size_t i = 0; i < samples; ++i) {
    for (int c = 0; c < channels; ++c) {
      interleaved[i * channels + c] = static_cast<int16_t>(
          std::lround(std::clamp(sound.channels[c][i] * 32768.0F, -32768.0F, 32767.0F)));
    }
  }
  return interleaved;
}

class DuplicatesStage final : public Stage {
 public:
  explicit DuplicatesStage(SoundSource sounds) : sounds_(std::move(sounds)) {}

  std::string name() const override { return "duplicates"; }
  std::string settings() const override {
    return std::string("1, chromaprint ") + chromaprint_get_version();
  }

  absl::StatusOr<Json> Measure(const RawClip& clip, const Measurements&) const override {
    ASSIGN_OR_RETURN(const Sound sound, sounds_(clip.sound, kMostSoundSeconds));
    const std::unique_ptr<ChromaprintContext, ContextDeleter> context(
        chromaprint_new(CHROMAPRINT_ALGORITHM_DEFAULT));
    const int channels = std::min<int>(static_cast<int>(sound.channels.size()), 2);
    const std::vector<int16_t> samples = Beginning(sound, channels);
    char* text = nullptr;
    int items = 0;
    if (context == nullptr || !chromaprint_start(context.get(), sound.sample_rate, channels) ||
        !chromaprint_feed(context.get(), samples.data(), static_cast<int>(samples.size())) ||
        !chromaprint_finish(context.get()) || !chromaprint_get_fingerprint(context.get(), &text) ||
        !chromaprint_get_raw_fingerprint_size(context.get(), &items)) {
      return absl::InternalError("Chromaprint failed");
    }
    Json measured;
    measured["fingerprint"] = std::string(text);
    measured["fingerprint_items"] = items;
    chromaprint_dealloc(text);
    return measured;
  }

 private:
  const SoundSource sounds_;
};

}  // namespace

std::unique_ptr<Stage> NewDuplicatesStage(SoundSource sounds) {
  return std::make_unique<DuplicatesStage>(std::move(sounds));
}

}  // namespace vidmuse::curate
