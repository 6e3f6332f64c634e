#include "core/extractors/clap_music.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "core/extractors/check_samples.h"
#include "core/extractors/clap_network.h"
#include "core/extractors/layer_tensors.h"
#include "core/extractors/published_file.h"
#include "core/extractors/soxr_resampler.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse {
namespace {

std::vector<float> Mono(const Sound& sound) {
  std::vector<float> mono = sound.channels[0];
  for (size_t c = 1; c < sound.channels.size(); ++c) {
    for (size_t i = 0; i < mono.size(); ++i) mono[i] += sound.channels[c][i];
  }
  if (sound.channels.size() == 1) return mono;
  for (float& sample : mono) sample /= static_cast<float>(sound.channels.size());
  return mono;
}

// Cuts off what a whole number of 16 bits doesn't hold.
void Quantize(std::vector<float>& samples) {
  constexpr float kFull = 32767;
  for (float& sample : samples) {
    const auto whole = static_cast<int16_t>(std::clamp(sample, -1.0f, 1.0f) * kFull);
    sample = static_cast<float>(whole / static_cast<double>(kFull));
  }
}

// Returns the window of `kClapSamples` that begins at `begin`.
std::vector<float> Window(const std::vector<float>& samples, size_t begin) {
  const size_t there = std::min(samples.size() - begin, static_cast<size_t>(kClapSamples));
  const auto first = samples.begin() + static_cast<int64_t>(begin);
  std::vector<float> window;
  window.reserve(kClapSamples);
  while (window.size() + there <= static_cast<size_t>(kClapSamples)) {
    window.insert(window.end(), first, first + static_cast<int64_t>(there));
  }
  window.resize(kClapSamples, 0.0f);
  return window;
}

class ClapMusic final : public SoundExtractor {
 public:
  ClapMusic(ExtractorInfo info, std::unique_ptr<const ClapNetwork> network)
      : info_(std::move(info)), network_(std::move(network)) {}

  const ExtractorInfo& info() const override { return info_; }

  absl::StatusOr<Features> Extract(const Sound& sound) const override {
    RETURN_IF_ERROR(CheckSamples(sound));
    ASSIGN_OR_RETURN(std::vector<float> samples,
                     SoxrResample(Mono(sound), sound.sample_rate, kClapRate));
    Quantize(samples);
    const auto count = static_cast<int64_t>(samples.size());
    const int64_t windows = std::max<int64_t>(1, (count + kClapSamples / 2) / kClapSamples);
    Features features;
    features.embeddings.rows = 1;
    features.embeddings.columns = network_->columns();
    RETURN_IF_ERROR(RunTorch([&] {
      at::Tensor sum = at::zeros({1, network_->columns()});
      for (int64_t i = 0; i < windows; ++i) {
        std::vector<float> window = Window(samples, static_cast<size_t>(i * kClapSamples));
        sum += network_->Embed(at::from_blob(window.data(), {1, kClapSamples}));
      }
      const at::Tensor row = windows == 1 ? sum : UnitLength(sum);
      const auto* values = row.const_data_ptr<float>();
      features.embeddings.values.assign(values, values + row.numel());
      return absl::OkStatus();
    }));
    return features;
  }

 private:
  const ExtractorInfo info_;
  const std::unique_ptr<const ClapNetwork> network_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SoundExtractor>> OpenClapMusic(const std::string& path) {
  ExtractorInfo info;
  info.name = "clap_music";
  info.resampler = "librosa soxr_hq 48000 Hz";
  std::unique_ptr<const ClapNetwork> network;
  RETURN_IF_ERROR(LoadPublished(
      path, /*prefix=*/"state_dict/module.",
      [&](WeightReader& weights) -> absl::Status {
        ASSIGN_OR_RETURN(network, ClapNetwork::Load(weights));
        return absl::OkStatus();
      },
      info));
  return std::make_unique<ClapMusic>(std::move(info), std::move(network));
}

}  // namespace vidmuse
