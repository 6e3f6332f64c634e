// Tensors on a device, from a checkpoint. Tensors are declared alone: no Torch in this header.
#ifndef VIDMUSE_MODEL_TORCH_DEVICE_TENSORS_H_
#define VIDMUSE_MODEL_TORCH_DEVICE_TENSORS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/weights/weight_reader.h"

namespace at {
class Tensor;
}

namespace vidmuse {

// How the token model stores its weights, keys and values on a device, and multiplies them. Norms,
// softmax, the residual stream, logits, positions and the codec are float32 in all of them.
enum class DevicePrecision { kFp32, kFp16, kBf16 };

constexpr const char* DevicePrecisionName(DevicePrecision precision) {
  constexpr const char* kNames[] = {"fp32", "fp16", "bf16"};
  return kNames[static_cast<int>(precision)];
}

// INVALID_ARGUMENT names what a GPU supports. Empty: fp16, which the published code decodes in.
absl::StatusOr<DevicePrecision> FindDevicePrecision(const std::string& name);

// Reads a model's tensors onto one device. Methods throw c10::Error too: call them inside RunTorch.
class DeviceReader {
 public:
  // `device`: "cpu", "cuda:0", ...
  DeviceReader(WeightReader* weights, std::string device)
      : weights_(weights), device_(std::move(device)) {}

  const std::string& device() const { return device_; }
  WeightReader& weights() { return *weights_; }

  // See WeightReader::Read. Contiguous.
  absl::StatusOr<at::Tensor> Read(const std::string& name, const std::vector<int64_t>& shape,
                                  DevicePrecision precision = DevicePrecision::kFp32);

 private:
  WeightReader* const weights_;
  const std::string device_;
};

// Copies of the numbers, on the device.
at::Tensor ToDevice(std::vector<float> values, const std::vector<int64_t>& shape,
                    const std::string& device, DevicePrecision precision = DevicePrecision::kFp32);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_DEVICE_TENSORS_H_
