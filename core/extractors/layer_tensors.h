// Layers that several networks have, and a reader of their tensors. Only .cc files of this folder
// include this: it includes Torch.
#ifndef VIDMUSE_EXTRACTORS_LAYER_TENSORS_H_
#define VIDMUSE_EXTRACTORS_LAYER_TENSORS_H_

#include <ATen/ATen.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/checkpoint/weight_reader.h"
#include "core/model/torch/device_tensors.h"

namespace vidmuse {

// Normalises the last dimension.
struct NormLayer {
  at::Tensor weight, bias;
  double epsilon = 1e-5;
  at::Tensor operator()(const at::Tensor& input) const {
    return at::layer_norm(input, {weight.size(0)}, weight, bias, epsilon);
  }
};

// `weight` is [out, in]. `bias` may be undefined: none.
struct LinearLayerTensors {
  at::Tensor weight, bias;
  at::Tensor operator()(const at::Tensor& input) const { return at::linear(input, weight, bias); }
};

// Scales the rows of [N, D] to length 1.
at::Tensor UnitLength(const at::Tensor& rows);

// Reads onto the CPU, as float32. NOT_FOUND and INVALID_ARGUMENT name the tensor. Methods may throw
// what Torch throws.
class LayerReader {
 public:
  // `weights` must outlive the reader.
  explicit LayerReader(WeightReader& weights) : weights_(weights), device_(&weights, "cpu") {}

  bool Has(const std::string& name) const { return weights_.Has(name); }
  // Returns the shape of a tensor that must have so many dimensions, each above 0.
  absl::StatusOr<std::vector<int64_t>> Shape(const std::string& name, size_t dimensions);
  absl::StatusOr<at::Tensor> Read(const std::string& name, const std::vector<int64_t>& shape);
  absl::StatusOr<NormLayer> Norm(const std::string& name, int64_t width, double epsilon);
  // `separator` stands before "weight" and "bias".
  absl::StatusOr<LinearLayerTensors> Linear(const std::string& name, int64_t out, int64_t in,
                                            const std::string& separator = ".");

 private:
  WeightReader& weights_;
  DeviceReader device_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_LAYER_TENSORS_H_
