#include "core/extractors/vggish.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/extractors/audioldm_sound.h"
#include "core/extractors/published_file.h"
#include "core/extractors/vggish_mel.h"
#include "core/model/torch/device_tensors.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse {
namespace {

using at::Tensor;

constexpr int64_t kMostAtOnce = 16;  // windows in one pass, which bounds memory

// The layers' places in torchvggish's sequences.
struct ConvolutionPlace {
  int index;
  bool pooled;  // its result is halved in both directions
};
constexpr ConvolutionPlace kConvolutions[] = {{0, true}, {3, true},   {6, false},
                                              {8, true}, {11, false}, {13, true}};
constexpr int kLinears[] = {0, 2, 4};
constexpr int64_t kLastPixels = (kVggishFrames / 16) * (kVggishBands / 16);

struct Layer {
  Tensor weight, bias;
};

class Vggish final : public SoundExtractor {
 public:
  explicit Vggish(ExtractorInfo info) : info_(std::move(info)) {}

  absl::Status Read(WeightReader& weights);
  void SetInfo(ExtractorInfo info) { info_ = std::move(info); }
  const ExtractorInfo& info() const override { return info_; }
  absl::StatusOr<Features> Extract(const Sound& sound) const override;

 private:
  absl::StatusOr<Layer> ReadLayer(WeightReader& weights, const std::string& name,
                                  std::vector<int64_t> shape) const;
  // [N, 1, kVggishFrames, kVggishBands] -> [N, columns]
  Tensor Embed(Tensor x) const;

  ExtractorInfo info_;
  std::vector<Layer> convolutions_, linears_;
};

// `shape` is the weight's, with -1 for a width that the file decides.
absl::StatusOr<Layer> Vggish::ReadLayer(WeightReader& weights, const std::string& name,
                                        std::vector<int64_t> shape) const {
  ASSIGN_OR_RETURN(const std::vector<int64_t> found, weights.Shape(name + ".weight"));
  if (!found.empty() && found[0] > 0) shape[0] = found[0];
  DeviceReader reader(&weights, "cpu");
  Layer layer;
  ASSIGN_OR_RETURN(layer.weight, reader.Read({name + ".weight", shape}));
  ASSIGN_OR_RETURN(layer.bias, reader.Read({name + ".bias", {shape[0]}}));
  return layer;
}

absl::Status Vggish::Read(WeightReader& weights) {
  int64_t width = 1;
  for (const ConvolutionPlace& place : kConvolutions) {
    ASSIGN_OR_RETURN(Layer layer,
                     ReadLayer(weights, absl::StrCat("features.", place.index), {-1, width, 3, 3}));
    width = layer.weight.size(0);
    convolutions_.push_back(std::move(layer));
  }
  width *= kLastPixels;
  for (const int index : kLinears) {
    ASSIGN_OR_RETURN(Layer layer,
                     ReadLayer(weights, absl::StrCat("embeddings.", index), {-1, width}));
    width = layer.weight.size(0);
    linears_.push_back(std::move(layer));
  }
  // Some files also hold what quantizes embeddings.
  return weights.CheckAllUsed({"pproc."});
}

Tensor Vggish::Embed(Tensor x) const {
  for (size_t i = 0; i < convolutions_.size(); ++i) {
    x = at::conv2d(x, convolutions_[i].weight, convolutions_[i].bias, /*stride=*/1, /*padding=*/1);
    x.relu_();
    if (kConvolutions[i].pooled) x = at::max_pool2d(x, {2, 2});
  }
  // The published order is that of TensorFlow: frames, bands, channels.
  x = x.permute({0, 2, 3, 1}).flatten(1);
  for (size_t i = 0; i < linears_.size(); ++i) {
    x = at::linear(x, linears_[i].weight, linears_[i].bias);
    if (i + 1 < linears_.size()) x.relu_();
  }
  return x;
}

absl::StatusOr<Features> Vggish::Extract(const Sound& sound) const {
  ASSIGN_OR_RETURN(const std::vector<float> samples, AudioldmSound(sound, kVggishRate));
  Features features;
  features.embeddings.rows = VggishWindows(static_cast<int64_t>(samples.size()));
  features.embeddings.columns = linears_.back().weight.size(0);
  for (int64_t first = 0; first < features.embeddings.rows; first += kMostAtOnce) {
    const int64_t count = std::min(kMostAtOnce, features.embeddings.rows - first);
    RETURN_IF_ERROR(RunTorch(
        [&] {
          const Tensor rows = Embed(VggishMel(samples, first, count)).contiguous();
          const auto* values = rows.const_data_ptr<float>();
          features.embeddings.values.insert(features.embeddings.values.end(), values,
                                            values + rows.numel());
          return absl::OkStatus();
        },
        TorchThreads::kAsTheyAre));
  }
  return features;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SoundExtractor>> OpenVggish(const std::string& path) {
  ExtractorInfo info;
  info.name = "vggish";
  info.resampler = "torchaudio sinc_interp_hann 16000 Hz";
  auto network = std::make_unique<Vggish>(ExtractorInfo());
  RETURN_IF_ERROR(LoadPublished(
      path, "model/",
      [&](WeightReader& weights) {
        return RunTorch([&] { return network->Read(weights); }, TorchThreads::kAsTheyAre);
      },
      info));
  network->SetInfo(std::move(info));
  return network;
}

}  // namespace vidmuse
