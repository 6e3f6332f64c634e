#include "core/extractors/imagebind_sound.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "core/base/status_macros.h"
#include "core/extractors/check_samples.h"
#include "core/extractors/imagebind_clips.h"
#include "core/extractors/imagebind_file.h"
#include "core/extractors/imagebind_tower.h"
#include "core/extractors/kaldi_fbank.h"
#include "core/extractors/sinc_resampler.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse {
namespace {

constexpr float kMean = -4.268f;
constexpr float kDeviation = 9.138f;
constexpr int64_t kPixels = kFbankBins * kImageBindFrames;
constexpr size_t kMostAtOnce = 8;  // clips in one pass, which bounds memory

using Channels = std::vector<std::vector<float>>;

// Subtracts from the stretch the mean over all channels. The published code changes the sound
// itself, so that clips that overlap see what was subtracted before.
void SubtractMean(const Stretch& stretch, Channels& channels) {
  double sum = 0;
  for (const std::vector<float>& channel : channels) {
    for (int64_t i = stretch.begin; i < stretch.end; ++i) sum += channel[static_cast<size_t>(i)];
  }
  const auto mean = static_cast<float>(sum / static_cast<double>(stretch.end - stretch.begin) /
                                       static_cast<double>(channels.size()));
  for (std::vector<float>& channel : channels) {
    for (int64_t i = stretch.begin; i < stretch.end; ++i) channel[static_cast<size_t>(i)] -= mean;
  }
}

// Adds an image [kFbankBins, kImageBindFrames] of a filter bank [frames, kFbankBins]. Frames that
// are missing count as 0.
void AppendImage(const FeatureMatrix& bank, std::vector<float>& images) {
  const size_t begin = images.size();
  images.resize(begin + kPixels, (0 - kMean) / kDeviation);
  const int64_t frames = std::min(bank.rows, kImageBindFrames);
  for (int64_t bin = 0; bin < kFbankBins; ++bin) {
    for (int64_t frame = 0; frame < frames; ++frame) {
      const float value = bank.values[static_cast<size_t>(frame * kFbankBins + bin)];
      images[begin + static_cast<size_t>(bin * kImageBindFrames + frame)] =
          (value - kMean) / kDeviation;
    }
  }
}

class ImageBindSound final : public SoundExtractor {
 public:
  ImageBindSound(ExtractorInfo info, ImageBindParts parts,
                 std::shared_ptr<const ImageBindFile> file)
      : info_(std::move(info)), parts_(parts), file_(std::move(file)) {}

  const ExtractorInfo& info() const override { return info_; }

  absl::StatusOr<Features> Extract(const Sound& sound) const override {
    RETURN_IF_ERROR(CheckSamples(sound));
    Channels channels;
    for (const std::vector<float>& channel : sound.channels) {
      channels.push_back(SincResample(channel, sound.sample_rate, kFbankRate));
    }
    const auto samples = static_cast<int64_t>(channels[0].size());
    if (samples < kFbankFrame) {
      return absl::InvalidArgumentError("the sound is shorter than 25 ms");
    }
    std::vector<Stretch> stretches = parts_ == ImageBindParts::kDense
                                         ? SoundWindows(samples, kFbankRate)
                                         : SoundClips(samples, kFbankRate, kSoundClips);
    for (Stretch& stretch : stretches) stretch.end = std::min(stretch.end, samples);
    Features features;
    features.embeddings.columns = file_->tower->columns();
    for (size_t i = 0; i < stretches.size(); i += kMostAtOnce) {
      const auto some = absl::MakeConstSpan(stretches).subspan(i, kMostAtOnce);
      RETURN_IF_ERROR(Embed(some, channels, features.embeddings));
    }
    return features;
  }

 private:
  absl::Status Embed(absl::Span<const Stretch> stretches, Channels& channels,
                     FeatureMatrix& embeddings) const {
    std::vector<float> images;
    for (const Stretch& stretch : stretches) {
      SubtractMean(stretch, channels);
      ASSIGN_OR_RETURN(const FeatureMatrix bank,
                       KaldiFbank(absl::MakeConstSpan(channels[0])
                                      .subspan(static_cast<size_t>(stretch.begin),
                                               static_cast<size_t>(stretch.end - stretch.begin))));
      AppendImage(bank, images);
    }
    const auto count = static_cast<int64_t>(stretches.size());
    return RunTorch([&] {
      at::Tensor rows = file_->tower->Embed(
          at::from_blob(images.data(), {count, 1, kFbankBins, kImageBindFrames}));
      if (parts_ == ImageBindParts::kPublished) rows = rows.mean(0, /*keepdim=*/true);
      rows = rows.contiguous();
      const auto* values = rows.const_data_ptr<float>();
      embeddings.values.insert(embeddings.values.end(), values, values + rows.numel());
      embeddings.rows += rows.size(0);
      return absl::OkStatus();
    });
  }

  const ExtractorInfo info_;
  const ImageBindParts parts_;
  const std::shared_ptr<const ImageBindFile> file_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SoundExtractor>> OpenImageBindSound(const std::string& path,
                                                                   ImageBindParts parts) {
  ASSIGN_OR_RETURN(std::shared_ptr<const ImageBindFile> file,
                   OpenImageBindFile(path, ImageBindModality::kSound));
  ExtractorInfo info = file->info;
  info.name = parts == ImageBindParts::kDense ? "imagebind_sound_dense" : "imagebind_sound";
  info.resampler = "torchaudio sinc_interp_hann 16000 Hz";
  return std::make_unique<ImageBindSound>(std::move(info), parts, std::move(file));
}

}  // namespace vidmuse
