#include <utility>

#include "absl/strings/str_cat.h"
#include "core/model/hash_model/layout.h"

namespace vidmuse {
namespace {

constexpr int kRatios[] = {8, 5, 4, 4};
constexpr int kStages = 4;
constexpr int kKernel = 7;
constexpr int kResidualKernel = 3;
constexpr int kLstmLayers = 2;
constexpr int kCodebooks = 4;

class Tensors {
 public:
  void Add(std::string name, std::vector<int64_t> shape, bool ones = false) {
    list_.push_back({std::move(name), std::move(shape), ones});
  }
  // `shape`: [out, in, kernel] of a convolution, [in, out, kernel] of a transposed one.
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
  void Residual(const std::string& layer, int64_t width) {
    Conv(layer + ".block.1", width / 2, width, kResidualKernel);
    Conv(layer + ".block.3", width, width / 2, 1);
  }
  void Lstm(const std::string& layer, int64_t width) {
    for (int i = 0; i < kLstmLayers; ++i) {
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

void AddEncoder(const HashModelSizes& sizes, Tensors* tensors) {
  const auto layer = [](int i) { return absl::StrCat("encoder.model.", i); };
  int64_t width = sizes.codec_filters;
  tensors->Conv(layer(0), width, 1, kKernel);
  for (int stage = 0; stage < kStages; ++stage) {
    tensors->Residual(layer(1 + 3 * stage), width);
    tensors->Conv(layer(3 + 3 * stage), 2 * width, width, 2 * kRatios[kStages - 1 - stage]);
    width *= 2;
  }
  tensors->Lstm(layer(1 + 3 * kStages), width);
  tensors->Conv(layer(3 + 3 * kStages), sizes.codec_dimension, width, kKernel);
}

void AddDecoder(const HashModelSizes& sizes, Tensors* tensors) {
  const auto layer = [](int i) { return absl::StrCat("decoder.model.", i); };
  int64_t width = int64_t{sizes.codec_filters} << kStages;
  tensors->Conv(layer(0), width, sizes.codec_dimension, kKernel);
  tensors->Lstm(layer(1), width);
  for (int stage = 0; stage < kStages; ++stage) {
    tensors->Upsampling(layer(3 + 3 * stage), width, width / 2, 2 * kRatios[stage]);
    width /= 2;
    tensors->Residual(layer(4 + 3 * stage), width);
  }
  tensors->Conv(layer(3 + 3 * kStages), 1, width, kKernel);
}

}  // namespace

std::vector<NamedShape> CodecTensors(const HashModelSizes& sizes) {
  Tensors tensors;
  AddEncoder(sizes, &tensors);
  AddDecoder(sizes, &tensors);
  for (int k = 0; k < kCodebooks; ++k) {
    const std::string codebook = absl::StrCat("quantizer.vq.layers.", k, "._codebook.");
    tensors.Add(codebook + "inited", {1}, /*ones=*/true);
    tensors.Add(codebook + "cluster_size", {sizes.codec_bins}, /*ones=*/true);
    tensors.Add(codebook + "embed", {sizes.codec_bins, sizes.codec_dimension});
    tensors.Add(codebook + "embed_avg", {sizes.codec_bins, sizes.codec_dimension});
  }
  return tensors.Take();
}

}  // namespace vidmuse
