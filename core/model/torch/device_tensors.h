// Reads a checkpoint's tensors onto a device. at::Tensor is only declared, so this header needs no
// Torch.
#ifndef VIDMUSE_MODEL_TORCH_DEVICE_TENSORS_H_
#define VIDMUSE_MODEL_TORCH_DEVICE_TENSORS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/architecture/tensors.h"
#include "core/model/checkpoint/weight_reader.h"

namespace at {
class Tensor;
}

namespace vidmuse {

// The precision in which the token model stores weights, keys and values on a device, and
// multiplies them. Norms, softmax, the residual stream, logits, positions and the codec are always
// float32.
enum class DevicePrecision { kFp32, kFp16, kBf16 };

constexpr const char* DevicePrecisionName(DevicePrecision precision) {
  constexpr const char* kNames[] = {"fp32", "fp16", "bf16"};
  return kNames[static_cast<int>(precision)];
}

// An empty name means fp16, in which the published code decodes. INVALID_ARGUMENT names what a GPU
// supports.
absl::StatusOr<DevicePrecision> FindDevicePrecision(const std::string& name);

// Reads a model's tensors onto one device. Methods may throw c10::Error, so call them inside
// RunTorch.
class DeviceReader {
 public:
  // `device`: "cpu", "cuda:0", ...
  DeviceReader(WeightReader* weights, std::string device)
      : weights_(weights), device_(std::move(device)) {}

  const std::string& device() const { return device_; }
  WeightReader& weights() { return *weights_; }

  // See WeightReader::Read. The tensor is contiguous.
  absl::StatusOr<at::Tensor> Read(const NamedShape& tensor,
                                  DevicePrecision precision = DevicePrecision::kFp32);

 private:
  WeightReader* const weights_;
  const std::string device_;
};

// Copies `values` to the device.
at::Tensor ToDevice(std::vector<float> values, const std::vector<int64_t>& shape,
                    const std::string& device, DevicePrecision precision = DevicePrecision::kFp32);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_DEVICE_TENSORS_H_
