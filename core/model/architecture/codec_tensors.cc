#include <utility>

#include "absl/strings/str_cat.h"
#include "core/model/architecture/tensor_table.h"

namespace vidmuse {
namespace {

class Tensors {
 public:
  void Add(std::string name, std::vector<int64_t> shape, bool ones = false) {
    list_.push_back({std::move(name), std::move(shape), ones});
  }
  // `shape` is [out, in, kernel] for a convolution and [in, out, kernel] for a transposed one.
  void WeightNormed(const std::string& name, std::vector<int64_t> shape, int64_t out) {
    Add(name + ".bias", {out});
    Add(name + ".weight_g", {shape[0], 1, 1});
    Add(name + ".weight_v", std::move(shape));
  }
  void Conv(const std::string& layer, int64_t out, int64_t in, int64_t kernel) {
    WeightNormed(layer + ".conv.conv", {out, in, kernel}, out);
  }
  void Upsampling(const std::string& layer, int64_t in, int64_t out, int64_t kernel) {
    WeightNormed(layer + ".convtr.convtr", {in, out, kernel}, out);
  }
  void Residual(const std::string& layer, const CodecConfig& config, int64_t width) {
    const int64_t hidden = width / config.compress;
    Conv(layer + ".block.1", hidden, width, config.residual_kernel_size);
    Conv(layer + ".block.3", width, hidden, 1);
  }
  void Lstm(const std::string& layer, int layers, int64_t width) {
    for (int i = 0; i < layers; ++i) {
      for (const char* part : {"weight_ih", "weight_hh"}) {
        Add(absl::StrCat(layer, ".lstm.", part, "_l", i), {4 * width, width});
      }
      for (const char* part : {"bias_ih", "bias_hh"}) {
        Add(absl::StrCat(layer, ".lstm.", part, "_l", i), {4 * width});
      }
    }
  }
  std::vector<NamedShape> Take() { return std::move(list_); }

 private:
  std::vector<NamedShape> list_;
};

// Layers are numbered by their positions in the sequential model, where activations count too.
void AddEncoder(const CodecConfig& config, Tensors* tensors) {
  const auto layer = [](int i) { return absl::StrCat("encoder.model.", i); };
  int64_t width = config.n_filters;
  int at = 0;
  tensors->Conv(layer(at++), width, 1, config.kernel_size);
  for (auto ratio = config.ratios.rbegin(); ratio != config.ratios.rend(); ++ratio) {
    tensors->Residual(layer(at), config, width);
    tensors->Conv(layer(at + 2), 2 * width, width, 2 * *ratio);
    width *= 2;
    at += 3;
  }
  if (config.lstm_layers > 0) tensors->Lstm(layer(at++), config.lstm_layers, width);
  tensors->Conv(layer(at + 1), config.dimension, width, config.last_kernel_size);
}

void AddDecoder(const CodecConfig& config, Tensors* tensors) {
  const auto layer = [](int i) { return absl::StrCat("decoder.model.", i); };
  int64_t width = int64_t{config.n_filters} << config.ratios.size();
  int at = 0;
  tensors->Conv(layer(at++), width, config.dimension, config.kernel_size);
  if (config.lstm_layers > 0) tensors->Lstm(layer(at++), config.lstm_layers, width);
  for (const int ratio : config.ratios) {
    tensors->Upsampling(layer(at + 1), width, width / 2, 2 * ratio);
    width /= 2;
    tensors->Residual(layer(at + 2), config, width);
    at += 3;
  }
  tensors->Conv(layer(at + 1), 1, width, config.last_kernel_size);
}

}  // namespace

std::vector<NamedShape> CodecTensors(const CodecConfig& config) {
  Tensors tensors;
  AddEncoder(config, &tensors);
  AddDecoder(config, &tensors);
  for (int k = 0; k < config.codebooks; ++k) {
    const std::string codebook = absl::StrCat("quantizer.vq.layers.", k, "._codebook.");
    tensors.Add(codebook + "inited", {1}, /*ones=*/true);
    tensors.Add(codebook + "cluster_size", {config.bins}, /*ones=*/true);
    tensors.Add(codebook + "embed", {config.bins, config.dimension});
    tensors.Add(codebook + "embed_avg", {config.bins, config.dimension});
  }
  return tensors.Take();
}

std::vector<NamedShape> CodecTensors(const HashModelSizes& sizes) {
  CodecConfig config;  // the published sizes, except for the widths
  config.dimension = sizes.codec_dimension;
  config.n_filters = sizes.codec_filters;
  config.bins = sizes.codec_bins;
  return CodecTensors(config);
}

}  // namespace vidmuse
