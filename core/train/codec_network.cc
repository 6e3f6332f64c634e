#include "core/train/codec_network.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <vector>

#include "core/model/architecture/codec_tensors.h"

namespace vidmuse::train {
namespace {

using at::Tensor;

// The layers of both halves of the codec.
class Layers {
 public:
  Layers(const CodecConfig& config, const Parameters& parameters)
      : config_(config), parameters_(parameters) {}

  // A convolution, padded so that n inputs give n / stride outputs.
  Tensor Conv(const ConvTensors& conv, const Tensor& x, int64_t stride = 1) const {
    const Tensor weight = Weight(conv);
    const int64_t padding = weight.size(2) - stride;
    const int64_t right = padding / 2;
    return at::conv1d(Pad(x, padding - right, right), weight, parameters_[conv.bias.name], stride);
  }

  Tensor Upsampling(const ConvTensors& conv, const Tensor& x, int64_t stride) const {
    const Tensor y = at::conv_transpose1d(x, Weight(conv), parameters_[conv.bias.name], {stride});
    return y.narrow(2, stride - stride / 2, x.size(2) * stride);
  }

  Tensor Residual(const ResidualTensors& block, const Tensor& x) const {
    const Tensor hidden = Conv(block.conv3, Elu(x));
    return x + Conv(block.conv1, Elu(hidden));
  }

  // `layers` may be empty.
  Tensor Lstm(const std::vector<LstmTensors>& layers, const Tensor& x) const {
    if (layers.empty()) return x;
    const Tensor input = x.permute({2, 0, 1});
    std::vector<Tensor> weights;
    for (const LstmTensors& layer : layers) {
      for (const NamedShape* tensor :
           {&layer.weight_ih, &layer.weight_hh, &layer.bias_ih, &layer.bias_hh}) {
        weights.push_back(parameters_[tensor->name]);
      }
    }
    const auto count = static_cast<int64_t>(layers.size());
    const Tensor zeros = at::zeros({count, x.size(0), x.size(1)}, x.options());
    const Tensor output = std::get<0>(
        at::lstm(input, {zeros, zeros}, weights, /*has_biases=*/true, count, /*dropout=*/0.0,
                 /*train=*/false, /*bidirectional=*/false, /*batch_first=*/false));
    return (output + input).permute({1, 2, 0});
  }

  Tensor Elu(const Tensor& x) const { return at::elu(x, config_.elu_alpha); }

 private:
  Tensor Weight(const ConvTensors& conv) const {
    return at::_weight_norm(parameters_[conv.direction.name], parameters_[conv.gain.name], 0);
  }

  Tensor Pad(const Tensor& x, int64_t left, int64_t right) const {
    if (config_.reflect_padding) return at::reflection_pad1d(x, {left, right});
    return at::constant_pad_nd(x, {left, right}, 0);
  }

  const CodecConfig& config_;
  const Parameters& parameters_;
};

// For each row of `x`, the index of the nearest row of `embed`.
Tensor Nearest(const Tensor& x, const Tensor& embed) {
  const Tensor distance = embed.pow(2).sum(1) - 2 * x.matmul(embed.t());
  return distance.argmin(1);
}

// `count` rows of `x`, drawn at random with replacement.
Tensor Draw(const Tensor& x, int64_t count, Random& random) {
  std::vector<int64_t> rows(static_cast<size_t>(count));
  for (int64_t& row : rows) row = random.Index(x.size(0));
  return x.index_select(0, at::tensor(rows, at::kLong).to(x.device()));
}

// [rows][bins]: one-hot rows of the chosen codes.
Tensor Choices(const Tensor& codes, int64_t bins, const Tensor& like) {
  return at::zeros({codes.size(0), bins}, like.options()).scatter_(1, codes.unsqueeze(1), 1);
}

// K-means (Lloyd's algorithm), started from randomly chosen vectors.
void PlaceCodebook(const Tensor& x, Random& random, const Tensor& embed) {
  constexpr int kIterations = 10;
  embed.copy_(Draw(x, embed.size(0), random));
  for (int i = 0; i < kIterations; ++i) {
    const Tensor choices = Choices(Nearest(x, embed), embed.size(0), x);
    const Tensor counts = choices.sum(0).unsqueeze(1);
    const Tensor means = choices.t().matmul(x) / counts.clamp_min(1);
    embed.copy_(at::where(counts > 0, means, embed));
  }
}

void MoveCodebook(const Parameters& parameters, const CodebookTensors& codebook, const Tensor& x,
                  const Tensor& codes, const CodebookUpdate& update) {
  constexpr double kEpsilon = 1e-5;
  const Tensor& embed = parameters[codebook.embed.name];
  const Tensor& sums = parameters[codebook.embed_avg.name];
  const Tensor& sizes = parameters[codebook.cluster_size.name];
  const Tensor choices = Choices(codes, embed.size(0), x);
  if (update.first) {
    // Every code starts with an equal share of the vectors, so that none is dead at once.
    sizes.fill_(static_cast<double>(x.size(0)) / static_cast<double>(embed.size(0)));
    sums.copy_(embed * sizes.unsqueeze(1));
    return;
  }
  sizes.mul_(update.decay).add_(choices.sum(0), 1 - update.decay);
  sums.mul_(update.decay).add_(choices.t().matmul(x), 1 - update.decay);
  const Tensor dead = sizes < update.dead_below;
  const Tensor total = sizes.sum();
  const Tensor smoothed =
      (sizes + kEpsilon) / (total + static_cast<double>(embed.size(0)) * kEpsilon) * total;
  embed.copy_(sums / smoothed.unsqueeze(1));
  // A dead code becomes one of the batch's vectors, with a size large enough to survive.
  const double size = 2 * update.dead_below;
  const Tensor fresh = Draw(x, embed.size(0), *update.random);
  embed.copy_(at::where(dead.unsqueeze(1), fresh, embed));
  sums.copy_(at::where(dead.unsqueeze(1), fresh * size, sums));
  sizes.masked_fill_(dead, size);
}

}  // namespace

Tensor EncodeAudio(const CodecConfig& config, const Parameters& parameters, const Tensor& audio) {
  const CodecEncoderTensors encoder = CodecEncoderTensors::Of(config);
  const Layers layers(config, parameters);
  Tensor x = layers.Conv(encoder.first, audio.unsqueeze(1));
  auto ratio = config.ratios.rbegin();
  for (const CodecEncoderTensors::Stage& stage : encoder.stages) {
    x = layers.Residual(stage.residual, x);
    x = layers.Conv(stage.downsampling, layers.Elu(x), *ratio++);
  }
  x = layers.Lstm(encoder.lstm, x);
  return layers.Conv(encoder.last, layers.Elu(x));
}

Tensor DecodeLatents(const CodecConfig& config, const Parameters& parameters,
                     const Tensor& latents) {
  const CodecDecoderTensors decoder = CodecDecoderTensors::Of(config);
  const Layers layers(config, parameters);
  Tensor x = layers.Lstm(decoder.lstm, layers.Conv(decoder.first, latents));
  auto ratio = config.ratios.begin();
  for (const CodecDecoderTensors::Stage& stage : decoder.stages) {
    x = layers.Upsampling(stage.upsampling, layers.Elu(x), *ratio++);
    x = layers.Residual(stage.residual, x);
  }
  return layers.Conv(decoder.last, layers.Elu(x)).squeeze(1);
}

Quantized Quantize(const CodecConfig& config, const Parameters& parameters, const Tensor& latents,
                   const CodebookUpdate* update) {
  const int64_t batch = latents.size(0);
  const int64_t frames = latents.size(2);
  const Tensor x = latents.transpose(1, 2).reshape({-1, latents.size(1)});
  Tensor residual = x;
  Tensor commitment = at::zeros({}, x.options());
  std::vector<Tensor> codes;
  for (int k = 0; k < config.codebooks; ++k) {
    const CodebookTensors codebook = CodebookTensors::Of(config, k);
    const Tensor& embed = parameters[codebook.embed.name];
    Tensor chosen, vectors;
    {
      c10::NoGradGuard no_grad;
      const Tensor rows = residual.detach();
      if (update != nullptr && update->first) PlaceCodebook(rows, *update->random, embed);
      chosen = Nearest(rows, embed);
      vectors = embed.index_select(0, chosen);
      if (update != nullptr) MoveCodebook(parameters, codebook, rows, chosen, *update);
    }
    commitment = commitment + (residual - vectors).pow(2).mean();
    residual = residual - vectors;
    codes.push_back(chosen.view({batch, frames}));
  }
  // x minus the final residual is the sum of the chosen vectors. Only x carries a gradient.
  const Tensor sum = x - residual.detach();
  return {sum.view({batch, frames, -1}).transpose(1, 2), at::stack(codes, 1),
          commitment / config.codebooks};
}

Tensor LookUp(const CodecConfig& config, const Parameters& parameters, const Tensor& codes) {
  Tensor sum;
  for (int k = 0; k < config.codebooks; ++k) {
    const Tensor chosen = codes.select(1, k);
    const Tensor vectors = parameters[CodebookTensors::Of(config, k).embed.name]
                               .index_select(0, chosen.reshape(-1))
                               .view({chosen.size(0), chosen.size(1), config.dimension});
    sum = k == 0 ? vectors : sum + vectors;
  }
  return sum.transpose(1, 2);
}

}  // namespace vidmuse::train
