#include "core/extractors/cnn14_network.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/torch/device_tensors.h"

namespace vidmuse {
namespace {

using at::Tensor;

constexpr int64_t kBands = 64;
constexpr int kBlocks = 6;
constexpr double kNormEpsilon2d = 1e-5;
constexpr double kLeastPower = 1e-10;
// Steps that are computed at once, half a minute, which bounds memory.
constexpr int64_t kStepsAtOnce = 96;
// A step sees four steps to either side: two convolutions in each of six blocks reach
// 2 * (1 + 2 + 4 + 8 + 16 + 32) = 126 frames.
constexpr int64_t kReach = 4 * kCnn14FramesPerStep;  // frames

// What a batch norm does with stored statistics: scale * x + shift.
struct Affine {
  Tensor scale, shift;  // [width]
};

struct Convolution {
  Tensor weight, bias;
};

class Reader {
 public:
  explicit Reader(WeightReader& weights) : weights_(weights), device_(&weights, "cpu") {}

  absl::StatusOr<Tensor> Read(const std::string& name, const std::vector<int64_t>& shape) {
    return device_.Read({name, shape});
  }

  // The first size of the tensor, which the file decides.
  absl::StatusOr<int64_t> Width(const std::string& name) {
    ASSIGN_OR_RETURN(const std::vector<int64_t> shape, weights_.Shape(name));
    if (!shape.empty() && shape[0] > 0) return shape[0];
    return absl::InvalidArgumentError(absl::StrCat("'", name, "' is empty"));
  }

  absl::StatusOr<Affine> ReadNorm(const std::string& name, int64_t width) {
    ASSIGN_OR_RETURN(const Tensor weight, Read(name + ".weight", {width}));
    ASSIGN_OR_RETURN(const Tensor bias, Read(name + ".bias", {width}));
    ASSIGN_OR_RETURN(const Tensor mean, Read(name + ".running_mean", {width}));
    ASSIGN_OR_RETURN(const Tensor variance, Read(name + ".running_var", {width}));
    const Tensor scale = weight / at::sqrt(variance + kNormEpsilon2d);
    return Affine{scale, bias - mean * scale};
  }

  // A convolution without bias and the norm behind it, as one.
  absl::StatusOr<Convolution> ReadConvolution(const std::string& block, int number, int64_t in) {
    const std::string name = absl::StrCat(block, ".conv", number, ".weight");
    ASSIGN_OR_RETURN(const int64_t out, Width(name));
    ASSIGN_OR_RETURN(const Tensor weight, Read(name, {out, in, 3, 3}));
    ASSIGN_OR_RETURN(const Affine norm, ReadNorm(absl::StrCat(block, ".bn", number), out));
    return Convolution{weight * norm.scale.view({out, 1, 1, 1}), norm.shift};
  }

 private:
  WeightReader& weights_;
  DeviceReader device_;
};

}  // namespace

struct Cnn14Network::Tensors {
  Tensor transform;  // [fft, 2 * (fft / 2 + 1)]: the windowed cosines, then the sines
  Tensor mel;        // [fft / 2 + 1, kBands]
  Affine input;      // of each band
  std::vector<Convolution> convolutions;  // two for each block
  Tensor fc1_weight, fc1_bias, classes_weight, classes_bias;
};

Cnn14Network::Cnn14Network(int64_t fft, int64_t hop)
    : fft_(fft), hop_(hop), t_(std::make_unique<Tensors>()) {}

Cnn14Network::~Cnn14Network() = default;

absl::StatusOr<std::unique_ptr<const Cnn14Network>> Cnn14Network::Load(int64_t fft, int64_t hop,
                                                                       WeightReader& weights) {
  std::unique_ptr<Cnn14Network> network(new Cnn14Network(fft, hop));
  RETURN_IF_ERROR(network->ReadTensors(weights));
  return network;
}

absl::Status Cnn14Network::ReadTensors(WeightReader& weights) {
  Reader reader(weights);
  const int64_t bins = fft_ / 2 + 1;
  const std::string stft = "spectrogram_extractor.stft.";
  ASSIGN_OR_RETURN(const Tensor real, reader.Read(stft + "conv_real.weight", {bins, 1, fft_}));
  ASSIGN_OR_RETURN(const Tensor imaginary, reader.Read(stft + "conv_imag.weight", {bins, 1, fft_}));
  t_->transform = at::cat({real, imaginary}).squeeze(1).t().contiguous();
  ASSIGN_OR_RETURN(t_->mel, reader.Read("logmel_extractor.melW", {bins, kBands}));
  ASSIGN_OR_RETURN(t_->input, reader.ReadNorm("bn0", kBands));
  int64_t width = 1;
  for (int block = 1; block <= kBlocks; ++block) {
    for (const int number : {1, 2}) {
      ASSIGN_OR_RETURN(Convolution convolution,
                       reader.ReadConvolution(absl::StrCat("conv_block", block), number, width));
      width = convolution.weight.size(0);
      t_->convolutions.push_back(std::move(convolution));
    }
  }
  ASSIGN_OR_RETURN(const int64_t columns, reader.Width("fc1.weight"));
  ASSIGN_OR_RETURN(t_->fc1_weight, reader.Read("fc1.weight", {columns, width}));
  ASSIGN_OR_RETURN(t_->fc1_bias, reader.Read("fc1.bias", {columns}));
  ASSIGN_OR_RETURN(const int64_t classes, reader.Width("fc_audioset.weight"));
  ASSIGN_OR_RETURN(t_->classes_weight, reader.Read("fc_audioset.weight", {classes, columns}));
  ASSIGN_OR_RETURN(t_->classes_bias, reader.Read("fc_audioset.bias", {classes}));
  return weights.CheckAllUsed({"num_batches_tracked"});
}

// Frames [first, first + count) of the signal `padded`, [1, 1, count, kBands], after bn0.
Tensor Cnn14Network::LogMel(const Tensor& padded, int64_t first, int64_t count) const {
  const Tensor frames =
      padded.narrow(0, first * hop_, (count - 1) * hop_ + fft_).unfold(0, fft_, hop_);
  const std::vector<Tensor> parts = at::matmul(frames, t_->transform).chunk(2, /*dim=*/1);
  const Tensor power = parts[0].square() + parts[1].square();
  const Tensor decibels = 10 * at::log10(at::matmul(power, t_->mel).clamp_min(kLeastPower));
  return (decibels * t_->input.scale + t_->input.shift).view({1, 1, count, kBands});
}

// [1, 1, frames, kBands] -> [frames / kCnn14FramesPerStep, width]
Tensor Cnn14Network::Convolve(Tensor x) const {
  for (size_t i = 0; i < t_->convolutions.size(); ++i) {
    const Convolution& convolution = t_->convolutions[i];
    x = at::conv2d(x, convolution.weight, convolution.bias, /*stride=*/1, /*padding=*/1).relu_();
    const bool ends_block = i % 2 == 1;
    if (ends_block && i + 1 < t_->convolutions.size()) x = at::avg_pool2d(x, {2, 2});
  }
  return x.mean(/*dim=*/3).squeeze(0).t();
}

Tensor Cnn14Network::Steps(absl::Span<const float> samples) const {
  const auto size = static_cast<int64_t>(samples.size());
  const Tensor signal = at::from_blob(const_cast<float*>(samples.data()), {1, size});
  const Tensor padded = at::reflection_pad1d(signal, {fft_ / 2, fft_ / 2}).squeeze(0);
  const int64_t frames = Frames(size);
  const int64_t steps = frames / kCnn14FramesPerStep;
  std::vector<Tensor> parts;
  for (int64_t step = 0; step < steps; step += kStepsAtOnce) {
    const int64_t count = std::min(kStepsAtOnce, steps - step);
    const bool last = step + count == steps;
    const int64_t begin = std::max<int64_t>(step * kCnn14FramesPerStep - kReach, 0);
    const int64_t end =
        last ? frames : std::min((step + count) * kCnn14FramesPerStep + kReach, frames);
    const Tensor part = Convolve(LogMel(padded, begin, end - begin));
    parts.push_back(part.narrow(0, step - begin / kCnn14FramesPerStep, count));
  }
  return at::cat(parts);
}

Tensor Cnn14Network::Embed(const Tensor& pooled) const {
  return at::linear(pooled, t_->fc1_weight, t_->fc1_bias).relu_();
}

Tensor Cnn14Network::Classify(const Tensor& embeddings) const {
  return at::linear(embeddings, t_->classes_weight, t_->classes_bias);
}

}  // namespace vidmuse
