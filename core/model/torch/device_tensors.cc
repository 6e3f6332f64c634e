#include "core/model/torch/device_tensors.h"

#include <ATen/ATen.h>

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

at::ScalarType Type(DevicePrecision precision) {
  constexpr at::ScalarType kTypes[] = {at::kFloat, at::kHalf, at::kBFloat16};
  return kTypes[static_cast<int>(precision)];
}

}  // namespace

absl::StatusOr<DevicePrecision> FindDevicePrecision(const std::string& name) {
  if (name.empty()) return DevicePrecision::kFp16;
  for (const DevicePrecision precision :
       {DevicePrecision::kFp32, DevicePrecision::kFp16, DevicePrecision::kBf16}) {
    if (name == DevicePrecisionName(precision)) return precision;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("precision '", name, "', a GPU supports fp32, fp16, bf16"));
}

at::Tensor ToDevice(std::vector<float> values, const std::vector<int64_t>& shape,
                    const std::string& device, DevicePrecision precision) {
  const auto owner = std::make_shared<std::vector<float>>(std::move(values));
  const at::Tensor tensor = at::from_blob(owner->data(), shape, [owner](void*) {});
  return tensor.to(at::TensorOptions().device(at::Device(device)).dtype(Type(precision)));
}

absl::StatusOr<at::Tensor> DeviceReader::Read(const NamedShape& tensor, DevicePrecision precision) {
  ASSIGN_OR_RETURN(std::vector<float> values, weights_->Read(tensor));
  return ToDevice(std::move(values), tensor.shape, device_, precision);
}

}  // namespace vidmuse
