#include "core/extractors/htdemucs_network.h"

#include <ATen/ATen.h>

#include <utility>

#include "absl/memory/memory.h"
#include "core/base/status_macros.h"
#include "core/extractors/htdemucs_layers.h"
#include "core/extractors/htdemucs_tensors.h"
#include "core/model/torch/device_tensors.h"

namespace vidmuse {

using at::Tensor;

namespace {

constexpr int64_t kStride = HtDemucsConfig::kStride;
constexpr int64_t kEdgeFrames = 2;  // of the spectrogram, at either end, that aren't used

int64_t CeilDiv(int64_t n, int64_t by) { return (n + by - 1) / by; }

// A signal with mean 0 and deviation 1, and how to undo that.
struct Normalized {
  explicit Normalized(const Tensor& signal)
      : mean(signal.mean()), deviation(signal.std()), x((signal - mean) / (1e-5 + deviation)) {}

  Tensor Undo(const Tensor& y) const { return y * deviation + mean; }

  Tensor mean, deviation, x;
};

// What the encoders make of a branch's signal, after each layer, and the sizes of their inputs.
struct Encoded {
  std::vector<Tensor> skips;
  std::vector<int64_t> sizes;
};

Encoded RunEncoders(const std::vector<htdemucs::Encoder>& encoders, Tensor x,
                    const Tensor& after_first) {
  Encoded encoded;
  for (const htdemucs::Encoder& encoder : encoders) {
    encoded.sizes.push_back(x.size(2));
    x = htdemucs::Encode(encoder, x);
    if (encoded.skips.empty() && after_first.defined()) x = x + after_first;
    encoded.skips.push_back(x);
  }
  return encoded;
}

Tensor RunDecoders(const std::vector<htdemucs::Decoder>& decoders, Tensor x, Encoded encoded) {
  for (const htdemucs::Decoder& decoder : decoders) {
    const Tensor skip = std::move(encoded.skips.back());
    encoded.skips.pop_back();
    x = htdemucs::Decode(decoder, x, skip, encoded.sizes.back(), encoded.skips.empty());
    encoded.sizes.pop_back();
  }
  return x;
}

// `x`: [1, width, places]; the result is [1, places, width], with positions.
Tensor EnterTransformer(const htdemucs::Branch& branch, const Tensor& x, const Tensor& positions) {
  const Tensor by_place = x.transpose(1, 2);
  return at::layer_norm(by_place, {by_place.size(2)}, branch.norm_in.weight, branch.norm_in.bias,
                        kNormEpsilon) +
         positions;
}

}  // namespace

struct HtDemucsNetwork::Parts {
  htdemucs::Tensors tensors;
  Tensor window;               // [fft]
  Tensor frequency_embedding;  // [1, channels, frequencies, 1]
  Tensor spectrum_positions;   // [1, frames * frequencies, width]
  Tensor time_positions;       // [1, places, width]

  // `mix`: [channels, samples]; the result is complex, [channels, bins, frames].
  Tensor Spectrogram(const HtDemucsConfig& config, const Tensor& mix) const {
    // The padding makes `frames` frames whose middles are half a hop after multiples of the hop.
    const int64_t left = config.hop() / 2 * 3;
    const int64_t right = left + config.frames() * config.hop() - mix.size(1);
    const Tensor padded = at::reflection_pad1d(mix, {left, right});
    const Tensor z =
        at::stft(padded, config.fft, config.hop(), config.fft, window, /*center=*/true, "reflect",
                 /*normalized=*/true, /*onesided=*/true, /*return_complex=*/true);
    return z.narrow(1, 0, config.bins()).narrow(2, kEdgeFrames, config.frames());
  }

  // The reverse: `z` is [n, bins, frames], the result [n, samples].
  Tensor Samples(const HtDemucsConfig& config, const Tensor& z) const {
    const Tensor padded = at::constant_pad_nd(z, {kEdgeFrames, kEdgeFrames, 0, 1}, 0);
    const int64_t left = config.hop() / 2 * 3;
    const int64_t length = config.hop() * config.frames() + 2 * left;
    return at::istft(padded, config.fft, config.hop(), config.fft, window, /*center=*/true,
                     /*normalized=*/true, /*onesided=*/true, length, /*return_complex=*/false)
        .narrow(1, left, config.segment);
  }

  // Runs the transformer over the innermost signals of both branches.
  std::pair<Tensor, Tensor> Transform(const HtDemucsConfig& config, const Tensor& spectrum,
                                      const Tensor& time) const {
    const htdemucs::Branch& a = tensors.spectrum;
    const htdemucs::Branch& b = tensors.time;
    const int64_t frequencies = spectrum.size(2), frames = spectrum.size(3);
    // [1, channels, frames * frequencies]
    const Tensor flat = spectrum.transpose(2, 3).flatten(2);
    Tensor x = EnterTransformer(a, at::conv1d(flat, a.up.weight, a.up.bias), spectrum_positions);
    Tensor y = EnterTransformer(b, at::conv1d(time, b.up.weight, b.up.bias), time_positions);
    for (size_t i = 0; i < a.transformers.size(); ++i) {
      Tensor next = htdemucs::Transform(a.transformers[i], config.heads, x, y);
      y = htdemucs::Transform(b.transformers[i], config.heads, y, x);
      x = std::move(next);
    }
    x = at::conv1d(x.transpose(1, 2), a.down.weight, a.down.bias);
    y = at::conv1d(y.transpose(1, 2), b.down.weight, b.down.bias);
    return {x.view({1, -1, frames, frequencies}).transpose(2, 3), y};
  }
};

HtDemucsNetwork::HtDemucsNetwork(const HtDemucsConfig& config, std::unique_ptr<const Parts> parts)
    : config_(config), parts_(std::move(parts)) {}

HtDemucsNetwork::~HtDemucsNetwork() = default;

absl::StatusOr<std::unique_ptr<const HtDemucsNetwork>> HtDemucsNetwork::Load(
    const HtDemucsConfig& config, WeightReader& weights) {
  auto parts = std::make_unique<Parts>();
  DeviceReader reader(&weights, "cpu");
  ASSIGN_OR_RETURN(parts->tensors, htdemucs::ReadTensors(config, [&](const NamedShape& tensor) {
                     return reader.Read(tensor);
                   }));
  parts->window = at::hann_window(config.fft);
  parts->frequency_embedding =
      (config.embedding_weight * (parts->tensors.frequencies * config.embedding_scale).t())
          .unsqueeze(0)
          .unsqueeze(3);
  int64_t frequencies = config.bins(), places = config.segment;
  for (int64_t i = 0; i < config.depth; ++i) {
    frequencies /= kStride;
    places = CeilDiv(places, kStride);
  }
  const int64_t width = config.bottom_channels;
  parts->spectrum_positions =
      config.position_weight *
      htdemucs::SpectrumPositions(width, frequencies, config.frames(), config.max_period);
  parts->time_positions =
      config.position_weight * htdemucs::TimePositions(width, places, config.max_period);
  return absl::WrapUnique(new HtDemucsNetwork(config, std::move(parts)));
}

std::vector<NamedShape> HtDemucsNetwork::Layout(const HtDemucsConfig& config) {
  std::vector<NamedShape> layout;
  const auto list = [&](const NamedShape& tensor) -> absl::StatusOr<Tensor> {
    layout.push_back(tensor);
    return Tensor();
  };
  htdemucs::ReadTensors(config, list).IgnoreError();  // listing has no errors
  return layout;
}

Tensor HtDemucsNetwork::Separate(const Tensor& mix) const {
  const auto sources = static_cast<int64_t>(config_.sources.size());
  const int64_t channels = config_.audio_channels;
  // [1, channels * 2, bins, frames]
  const Normalized spectrum(at::view_as_real(parts_->Spectrogram(config_, mix))
                                .permute({0, 3, 1, 2})
                                .reshape({1, channels * 2, config_.bins(), config_.frames()}));
  const Normalized time(mix.unsqueeze(0));
  Encoded spectrum_encoded =
      RunEncoders(parts_->tensors.spectrum.encoders, spectrum.x, parts_->frequency_embedding);
  Encoded time_encoded = RunEncoders(parts_->tensors.time.encoders, time.x, Tensor());
  auto [x, y] =
      parts_->Transform(config_, spectrum_encoded.skips.back(), time_encoded.skips.back());
  x = RunDecoders(parts_->tensors.spectrum.decoders, std::move(x), std::move(spectrum_encoded));
  y = RunDecoders(parts_->tensors.time.decoders, std::move(y), std::move(time_encoded));
  // Each output channel of the spectrogram is a real or an imaginary part.
  const Tensor z =
      at::view_as_complex(spectrum.Undo(x)
                              .view({sources * channels, 2, config_.bins(), config_.frames()})
                              .permute({0, 2, 3, 1})
                              .contiguous());
  const Tensor stems =
      parts_->Samples(config_, z) + time.Undo(y).view({sources * channels, config_.segment});
  return stems.view({sources, channels, config_.segment});
}

}  // namespace vidmuse
