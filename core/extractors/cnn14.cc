#include "core/extractors/cnn14.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "core/extractors/audioldm_sound.h"
#include "core/extractors/check_samples.h"
#include "core/extractors/cnn14_network.h"
#include "core/extractors/kaiser_resampler.h"
#include "core/extractors/published_file.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse {
namespace {

using at::Tensor;

struct Setting {
  const char* name;
  const char* resampler;
  int rate;  // Hz
  int64_t fft, hop;
};

Setting SettingOf(Cnn14Kind kind) {
  switch (kind) {
    case Cnn14Kind::k16kHz:
      return {"cnn14_16k", "torchaudio sinc_interp_hann 16000 Hz", 16000, 512, 160};
    case Cnn14Kind::k32kHz:
      return {"cnn14_32k", "torchaudio sinc_interp_hann 32000 Hz", 32000, 1024, 320};
    case Cnn14Kind::kDecisionLevelMax:
      break;
  }
  return {"cnn14_decision_level_max", "librosa kaiser_best 32000 Hz", 32000, 1024, 320};
}

FeatureMatrix ToMatrix(const Tensor& tensor) {
  const Tensor rows = tensor.contiguous();
  const auto* values = rows.const_data_ptr<float>();
  return {rows.size(0), rows.size(1), {values, values + rows.numel()}};
}

// The mean of all channels, at `rate`.
absl::StatusOr<std::vector<float>> LibrosaSound(const Sound& sound, int rate) {
  RETURN_IF_ERROR(CheckSamples(sound));
  std::vector<float> samples = sound.channels[0];
  const auto channels = static_cast<float>(sound.channels.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    for (size_t c = 1; c < sound.channels.size(); ++c) samples[i] += sound.channels[c][i];
    samples[i] /= channels;
  }
  return KaiserResample(samples, sound.sample_rate, rate);
}

// One row for the whole sound.
class Cnn14 final : public SoundExtractor {
 public:
  Cnn14(ExtractorInfo info, const Setting& setting, std::unique_ptr<const Cnn14Network> network)
      : info_(std::move(info)), setting_(setting), network_(std::move(network)) {}

  const ExtractorInfo& info() const override { return info_; }

  absl::StatusOr<Features> Extract(const Sound& sound) const override {
    ASSIGN_OR_RETURN(const std::vector<float> samples, AudioldmSound(sound, setting_.rate));
    Features features;
    RETURN_IF_ERROR(RunTorch(
        [&] {
          const Tensor steps = network_->Steps(samples);
          const Tensor pooled = std::get<0>(steps.max(/*dim=*/0)) + steps.mean(/*dim=*/0);
          const Tensor embeddings = network_->Embed(pooled.unsqueeze(0));
          features.embeddings = ToMatrix(embeddings);
          features.logits = ToMatrix(network_->Classify(embeddings));
          return absl::OkStatus();
        },
        TorchThreads::kAsTheyAre));
    return features;
  }

 private:
  const ExtractorInfo info_;
  const Setting setting_;
  const std::unique_ptr<const Cnn14Network> network_;
};

// A row for each frame.
class Cnn14DecisionLevelMax final : public SoundExtractor {
 public:
  Cnn14DecisionLevelMax(ExtractorInfo info, const Setting& setting,
                        std::unique_ptr<const Cnn14Network> network)
      : info_(std::move(info)), setting_(setting), network_(std::move(network)) {}

  const ExtractorInfo& info() const override { return info_; }

  absl::StatusOr<Features> Extract(const Sound& sound) const override {
    ASSIGN_OR_RETURN(const std::vector<float> samples, LibrosaSound(sound, setting_.rate));
    const int64_t frames = network_->Frames(static_cast<int64_t>(samples.size()));
    if (frames < kCnn14FramesPerStep) {
      return absl::InvalidArgumentError("the sound is shorter than 0.31 s");
    }
    FeatureMatrix steps;
    RETURN_IF_ERROR(RunTorch(
        [&] {
          steps = ToMatrix(Classify(network_->Steps(samples)));
          return absl::OkStatus();
        },
        TorchThreads::kAsTheyAre));
    Features features;
    FeatureMatrix& logits = features.logits;
    logits.rows = frames;
    logits.columns = steps.columns;
    logits.values.reserve(static_cast<size_t>(frames * steps.columns));
    for (int64_t frame = 0; frame < frames; ++frame) {
      const int64_t step = std::min(frame / kCnn14FramesPerStep, steps.rows - 1);
      const auto row = steps.values.begin() + step * steps.columns;
      logits.values.insert(logits.values.end(), row, row + steps.columns);
    }
    return features;
  }

 private:
  // [steps, width] -> [steps, classes], where each step sees its neighbours.
  Tensor Classify(const Tensor& steps) const {
    const Tensor by_time = steps.t().unsqueeze(0);
    const Tensor pooled =
        at::max_pool1d(by_time, {3}, {1}, {1}) + at::avg_pool1d(by_time, {3}, {1}, {1});
    return network_->Classify(network_->Embed(pooled.squeeze(0).t()));
  }

  const ExtractorInfo info_;
  const Setting setting_;
  const std::unique_ptr<const Cnn14Network> network_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SoundExtractor>> OpenCnn14(const std::string& path, Cnn14Kind kind) {
  const Setting setting = SettingOf(kind);
  ExtractorInfo info;
  info.name = setting.name;
  info.resampler = setting.resampler;
  std::unique_ptr<const Cnn14Network> network;
  RETURN_IF_ERROR(LoadPublished(
      path, "model/",
      [&](WeightReader& weights) {
        return RunTorch(
            [&]() -> absl::Status {
              ASSIGN_OR_RETURN(network, Cnn14Network::Load(setting.fft, setting.hop, weights));
              return absl::OkStatus();
            },
            TorchThreads::kAsTheyAre);
      },
      info));
  if (kind == Cnn14Kind::kDecisionLevelMax) {
    return std::make_unique<Cnn14DecisionLevelMax>(std::move(info), setting, std::move(network));
  }
  return std::make_unique<Cnn14>(std::move(info), setting, std::move(network));
}

}  // namespace vidmuse
