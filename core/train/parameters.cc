#include "core/train/parameters.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/architecture/codec_tensors.h"
#include "core/model/architecture/conditioner_tensors.h"
#include "core/model/checkpoint/weight_reader.h"
#include "core/train/random.h"

namespace vidmuse::train {
namespace {

// Standard deviation of a new tensor's values.
double InitialScale(const NamedShape& tensor) {
  double fan_in = 1;
  for (size_t i = 1; i < tensor.shape.size(); ++i) fan_in *= static_cast<double>(tensor.shape[i]);
  switch (tensor.role) {
    case TensorRole::kTokenEmbedding:
      return 0.5;
    case TensorRole::kPosition:
      return 0.3;
    // With a kernel of 2r and a stride of r, each output sums two positions of every input channel.
    case TensorRole::kTransposedDirection:
      return 1 / std::sqrt(2.0 * static_cast<double>(tensor.shape[0]));
    // Layers that add to the residual stream start small.
    case TensorRole::kResidualWeight:
      return 0.3 / std::sqrt(fan_in);
    default:
      return 1 / std::sqrt(fan_in);
  }
}

at::Tensor InitialValues(const NamedShape& tensor, uint64_t seed) {
  at::Tensor values = at::zeros(tensor.shape, at::kFloat);
  if (tensor.role == TensorRole::kBias) return values;
  if (tensor.role == TensorRole::kCount || tensor.role == TensorRole::kNormScale) {
    return values.fill_(1);
  }
  Random random(seed, tensor.name);
  const double scale = InitialScale(tensor);
  float* out = values.data_ptr<float>();
  for (int64_t i = 0; i < values.numel(); ++i) {
    out[i] = static_cast<float>(scale * random.Normal());
  }
  return values;
}

}  // namespace

bool IsTrainable(absl::string_view name) {
  static const std::vector<std::string> kLeftovers = LeftoverTensors();
  return !IsCodebookTensor(name) &&
         std::none_of(kLeftovers.begin(), kLeftovers.end(),
                      [name](const std::string& part) { return absl::StrContains(name, part); });
}

Parameters Parameters::Initialize(const std::vector<NamedShape>& layout, uint64_t seed) {
  Parameters parameters;
  const NamedShape* gain = nullptr;
  for (const NamedShape& tensor : layout) {
    parameters.Add(tensor.name, InitialValues(tensor, seed));
    // A gain starts as the length of its direction, which follows it in the layout, so that the
    // layer's weight equals the direction.
    if (tensor.role == TensorRole::kGain) gain = &tensor;
    if (tensor.role == TensorRole::kDirection || tensor.role == TensorRole::kTransposedDirection) {
      parameters[gain->name].copy_(at::norm_except_dim(parameters[tensor.name], 2, 0));
    }
  }
  return parameters;
}

void Parameters::Add(std::string name, at::Tensor tensor) {
  index_.emplace(name, entries_.size());
  entries_.push_back({std::move(name), std::move(tensor)});
}

const at::Tensor& Parameters::operator[](absl::string_view name) const {
  const auto found = index_.find(name);
  if (found == index_.end()) throw std::out_of_range(absl::StrCat("no tensor '", name, "'"));
  return entries_[found->second].tensor;
}

Parameters Parameters::Clone() const {
  Parameters copy;
  for (const Entry& entry : entries_) copy.Add(entry.name, entry.tensor.detach().clone());
  return copy;
}

Parameters Parameters::To(at::Device device, at::ScalarType type) const {
  Parameters copy;
  for (const Entry& entry : entries_) {
    copy.Add(entry.name, entry.tensor.detach().to(device, type));
  }
  return copy;
}

absl::Status Parameters::ReadFrom(const TensorFile& file, const std::string& prefix) const {
  return ReadFrom(file, [&](const std::string& name) { return prefix + name; });
}

absl::Status Parameters::ReadFrom(
    const TensorFile& file, absl::FunctionRef<std::string(const std::string&)> name_in_file) const {
  WeightReader reader(&file, "");
  c10::NoGradGuard no_grad;
  for (const Entry& entry : entries_) {
    const std::vector<int64_t> shape = entry.tensor.sizes().vec();
    ASSIGN_OR_RETURN(std::vector<float> values, reader.Read(name_in_file(entry.name), shape));
    entry.tensor.copy_(at::from_blob(values.data(), shape));
  }
  return absl::OkStatus();
}

absl::Status Parameters::WriteTo(TorchFileWriter& writer, const std::string& prefix,
                                 DType type) const {
  for (const Entry& entry : entries_) {
    const bool half = type == DType::kFloat16 && !IsCodebookCount(entry.name);
    const at::Tensor values =
        entry.tensor.detach().to(at::kCPU, half ? at::kHalf : at::kFloat).contiguous();
    if (half && !at::isfinite(values).all().item<bool>()) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor '", entry.name, "' holds a number that float16 can't"));
    }
    RETURN_IF_ERROR(writer.AddTensor(prefix + entry.name,
                                     TensorView{half ? DType::kFloat16 : DType::kFloat32,
                                                values.sizes().vec(), values.const_data_ptr()}));
  }
  return absl::OkStatus();
}

absl::Status CatchTorch(absl::FunctionRef<absl::Status()> body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("training: out of memory");
  } catch (const c10::Error& error) {
    return absl::InternalError(absl::StrCat("Torch: ", error.what_without_backtrace()));
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("training: ", error.what()));
  }
}

}  // namespace vidmuse::train
