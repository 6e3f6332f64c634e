#include "core/model/architecture/codec_tensors.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace vidmuse {
namespace {

constexpr char kEncoder[] = "encoder.model.";
constexpr char kDecoder[] = "decoder.model.";

// `shape` is that of the direction, and `out` the number of outputs.
ConvTensors WeightNormed(const std::string& name, const std::vector<int64_t>& shape, int64_t out,
                         TensorRole direction) {
  return {{name + ".bias", {out}, TensorRole::kBias},
          {name + ".weight_g", {shape[0], 1, 1}, TensorRole::kGain},
          {name + ".weight_v", shape, direction}};
}

ConvTensors Conv(const std::string& layer, int64_t out, int64_t in, int64_t kernel) {
  return WeightNormed(layer + ".conv.conv", {out, in, kernel}, out, TensorRole::kDirection);
}

ConvTensors TransposedConv(const std::string& layer, int64_t in, int64_t out, int64_t kernel) {
  return WeightNormed(layer + ".convtr.convtr", {in, out, kernel}, out,
                      TensorRole::kTransposedDirection);
}

ResidualTensors Residual(const CodecConfig& config, const std::string& layer, int64_t width) {
  const int64_t hidden = width / config.compress;
  return {Conv(layer + ".block.1", hidden, width, config.residual_kernel_size),
          Conv(layer + ".block.3", width, hidden, 1)};
}

std::vector<LstmTensors> Lstm(const CodecConfig& config, const std::string& layer, int64_t width) {
  std::vector<LstmTensors> lstm;
  for (int i = 0; i < config.lstm_layers; ++i) {
    const auto tensor = [&](const char* part, std::vector<int64_t> shape, TensorRole role) {
      return NamedShape{absl::StrCat(layer, ".lstm.", part, "_l", i), std::move(shape), role};
    };
    lstm.push_back({tensor("weight_ih", {4 * width, width}, TensorRole::kWeight),
                    tensor("weight_hh", {4 * width, width}, TensorRole::kWeight),
                    tensor("bias_ih", {4 * width}, TensorRole::kBias),
                    tensor("bias_hh", {4 * width}, TensorRole::kBias)});
  }
  return lstm;
}

void AddConv(const ConvTensors& conv, TensorList* list) {
  list->Add(conv.bias);
  list->Add(conv.gain);
  list->Add(conv.direction);
}

void AddResidual(const ResidualTensors& residual, TensorList* list) {
  AddConv(residual.conv3, list);
  AddConv(residual.conv1, list);
}

void AddLstm(const std::vector<LstmTensors>& lstm, TensorList* list) {
  for (const LstmTensors& layer : lstm) {
    list->Add(layer.weight_ih);
    list->Add(layer.weight_hh);
    list->Add(layer.bias_ih);
    list->Add(layer.bias_hh);
  }
}

}  // namespace

// In both halves, layers are numbered by their positions in a sequential model, where activations
// count too.
CodecEncoderTensors CodecEncoderTensors::Of(const CodecConfig& config) {
  const auto layer = [](int i) { return absl::StrCat(kEncoder, i); };
  int64_t width = config.n_filters;
  int at = 0;
  CodecEncoderTensors tensors;
  tensors.first = Conv(layer(at++), width, 1, config.kernel_size);
  for (auto ratio = config.ratios.rbegin(); ratio != config.ratios.rend(); ++ratio) {
    tensors.stages.push_back(
        {Residual(config, layer(at), width), Conv(layer(at + 2), 2 * width, width, 2 * *ratio)});
    width *= 2;
    at += 3;
  }
  if (config.lstm_layers > 0) tensors.lstm = Lstm(config, layer(at++), width);
  tensors.last = Conv(layer(at + 1), config.dimension, width, config.last_kernel_size);
  return tensors;
}

CodecDecoderTensors CodecDecoderTensors::Of(const CodecConfig& config) {
  const auto layer = [](int i) { return absl::StrCat(kDecoder, i); };
  int64_t width = int64_t{config.n_filters} << config.ratios.size();
  int at = 0;
  CodecDecoderTensors tensors;
  tensors.first = Conv(layer(at++), width, config.dimension, config.kernel_size);
  if (config.lstm_layers > 0) tensors.lstm = Lstm(config, layer(at++), width);
  for (const int ratio : config.ratios) {
    tensors.stages.push_back({TransposedConv(layer(at + 1), width, width / 2, 2 * ratio),
                              Residual(config, layer(at + 2), width / 2)});
    width /= 2;
    at += 3;
  }
  tensors.last = Conv(layer(at + 1), 1, width, config.last_kernel_size);
  return tensors;
}

CodebookTensors CodebookTensors::Of(const CodecConfig& config, int codebook) {
  const std::string at = absl::StrCat("quantizer.vq.layers.", codebook, "._codebook.");
  return {{at + "inited", {1}, TensorRole::kCount},
          {at + "cluster_size", {config.bins}, TensorRole::kCount},
          {at + "embed", {config.bins, config.dimension}, TensorRole::kCode},
          {at + "embed_avg", {config.bins, config.dimension}, TensorRole::kCodeSum}};
}

std::vector<NamedShape> CodecTensors(const CodecConfig& config) {
  TensorList list;
  const CodecEncoderTensors encoder = CodecEncoderTensors::Of(config);
  AddConv(encoder.first, &list);
  for (const CodecEncoderTensors::Stage& stage : encoder.stages) {
    AddResidual(stage.residual, &list);
    AddConv(stage.downsampling, &list);
  }
  AddLstm(encoder.lstm, &list);
  AddConv(encoder.last, &list);
  const CodecDecoderTensors decoder = CodecDecoderTensors::Of(config);
  AddConv(decoder.first, &list);
  AddLstm(decoder.lstm, &list);
  for (const CodecDecoderTensors::Stage& stage : decoder.stages) {
    AddConv(stage.upsampling, &list);
    AddResidual(stage.residual, &list);
  }
  AddConv(decoder.last, &list);
  for (int k = 0; k < config.codebooks; ++k) {
    const CodebookTensors codebook = CodebookTensors::Of(config, k);
    list.Add(codebook.inited);
    list.Add(codebook.cluster_size);
    list.Add(codebook.embed);
    list.Add(codebook.embed_avg);
  }
  return list.Take();
}

std::vector<std::string> UnusedCodecTensors() {
  return {"codebook.inited", "codebook.cluster_size", "codebook.embed_avg"};
}

bool IsCodebookTensor(absl::string_view name) { return absl::StrContains(name, "quantizer."); }

bool IsCodebookCount(absl::string_view name) {
  return absl::EndsWith(name, ".inited") || absl::EndsWith(name, ".cluster_size");
}

std::string HuggingFaceCodecName(const std::string& name) {
  return absl::StrReplaceAll(name, {{"coder.model.", "coder.layers."},
                                    {".conv.conv.", ".conv."},
                                    {".convtr.convtr.", ".conv."},
                                    {"quantizer.vq.", "quantizer."},
                                    {"._codebook.", ".codebook."}});
}

std::string ParametrizedName(const std::string& name) {
  return absl::StrReplaceAll(name, {{".weight_g", ".parametrizations.weight.original0"},
                                    {".weight_v", ".parametrizations.weight.original1"}});
}

}  // namespace vidmuse
