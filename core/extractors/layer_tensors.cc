#include "core/extractors/layer_tensors.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace vidmuse {

at::Tensor UnitLength(const at::Tensor& rows) {
  constexpr double kLeastLength = 1e-12;
  return rows / rows.norm(2, {1}, /*keepdim=*/true).clamp_min(kLeastLength);
}

absl::StatusOr<std::vector<int64_t>> LayerReader::Shape(const std::string& name,
                                                        size_t dimensions) {
  ASSIGN_OR_RETURN(std::vector<int64_t> shape, weights_.Shape(name));
  const bool positive = std::all_of(shape.begin(), shape.end(), [](int64_t n) { return n > 0; });
  if (shape.size() == dimensions && positive) return shape;
  return absl::InvalidArgumentError(
      absl::StrCat("'", name, "' hasn't ", dimensions, " dimensions"));
}

absl::StatusOr<at::Tensor> LayerReader::Read(const std::string& name,
                                             const std::vector<int64_t>& shape) {
  return device_.Read({name, shape});
}

absl::StatusOr<NormLayer> LayerReader::Norm(const std::string& name, int64_t width,
                                            double epsilon) {
  NormLayer norm;
  ASSIGN_OR_RETURN(norm.weight, Read(name + ".weight", {width}));
  ASSIGN_OR_RETURN(norm.bias, Read(name + ".bias", {width}));
  norm.epsilon = epsilon;
  return norm;
}

absl::StatusOr<LinearLayerTensors> LayerReader::Linear(const std::string& name, int64_t out,
                                                       int64_t in, const std::string& separator) {
  LinearLayerTensors linear;
  ASSIGN_OR_RETURN(linear.weight, Read(name + separator + "weight", {out, in}));
  ASSIGN_OR_RETURN(linear.bias, Read(name + separator + "bias", {out}));
  return linear;
}

}  // namespace vidmuse
