#include "core/model/weights/weight_reader.h"

#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

float HalfToFloat(uint16_t half) {
  const uint32_t sign = (half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 31;
  const uint32_t mantissa = half & 0x3ffu;
  uint32_t bits;
  if (exponent == 0) {
    const float subnormal = std::ldexp(static_cast<float>(mantissa), -24);
    std::memcpy(&bits, &subnormal, sizeof(bits));
    bits |= sign;
  } else if (exponent == 31) {
    bits = sign | 0x7f800000u | (mantissa << 13);
  } else {
    bits = sign | ((exponent + 112) << 23) | (mantissa << 13);
  }
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

template <typename Stored, typename Convert>
void ConvertAll(const void* data, Convert convert, std::vector<float>* out) {
  const char* bytes = static_cast<const char*>(data);
  for (size_t i = 0; i < out->size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes + i * sizeof(Stored), sizeof(stored));
    (*out)[i] = convert(stored);
  }
}

bool ToFloats(const TensorView& tensor, std::vector<float>* out) {
  switch (tensor.dtype) {
    case DType::kFloat32:
      std::memcpy(out->data(), tensor.data, out->size() * sizeof(float));
      return true;
    case DType::kFloat64:
      ConvertAll<double>(tensor.data, [](double x) { return static_cast<float>(x); }, out);
      return true;
    case DType::kFloat16:
      ConvertAll<uint16_t>(tensor.data, HalfToFloat, out);
      return true;
    case DType::kBFloat16:
      ConvertAll<uint16_t>(
          tensor.data,
          [](uint16_t x) {
            const uint32_t bits = uint32_t{x} << 16;
            float value;
            std::memcpy(&value, &bits, sizeof(value));
            return value;
          },
          out);
      return true;
    default:
      return false;
  }
}

}  // namespace

WeightReader::WeightReader(const TensorFile* file, std::string prefix)
    : file_(file), prefix_(std::move(prefix)) {}

bool WeightReader::Has(absl::string_view name) const {
  return file_->tensors().count(absl::StrCat(prefix_, name)) > 0;
}

absl::StatusOr<const TensorView*> WeightReader::Find(absl::string_view name) {
  const auto found = file_->tensors().find(absl::StrCat(prefix_, name));
  if (found == file_->tensors().end()) {
    return absl::NotFoundError(absl::StrCat(file_->name(), ": tensor '", name, "' is missing"));
  }
  used_.insert(found->first);
  return &found->second;
}

absl::StatusOr<std::vector<int64_t>> WeightReader::Shape(absl::string_view name) {
  ASSIGN_OR_RETURN(const TensorView* tensor, Find(name));
  return tensor->shape;
}

absl::StatusOr<std::vector<float>> WeightReader::Read(absl::string_view name,
                                                      const std::vector<int64_t>& shape) {
  ASSIGN_OR_RETURN(const TensorView* tensor, Find(name));
  if (tensor->shape != shape) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_->name(), ": tensor '", name, "' has shape ", tensor->ShapeString(),
                     ", expected [", absl::StrJoin(shape, ", "), "]"));
  }
  std::vector<float> values(tensor->elements());
  if (!ToFloats(*tensor, &values)) {
    return absl::InvalidArgumentError(absl::StrCat(file_->name(), ": tensor '", name, "' is of type ",
                                                   DTypeName(tensor->dtype),
                                                   ", expected a floating-point type"));
  }
  // Sums of finite values may overflow, so each is looked at.
  for (float value : values) {
    if (!std::isfinite(value)) {
      return absl::InvalidArgumentError(
          absl::StrCat(file_->name(), ": tensor '", name, "' holds a value that is not finite"));
    }
  }
  parameters_ += static_cast<int64_t>(values.size());
  return values;
}

absl::Status WeightReader::CheckAllUsed(const std::vector<std::string>& ignored) const {
  std::vector<std::string> unknown;
  for (const auto& [name, tensor] : file_->tensors()) {
    if (!absl::StartsWith(name, prefix_) || used_.count(name) > 0) continue;
    bool skip = false;
    for (const std::string& part : ignored) skip = skip || absl::StrContains(name, part);
    if (!skip) unknown.push_back(absl::StrCat("'", name.substr(prefix_.size()), "'"));
  }
  if (unknown.empty()) return absl::OkStatus();
  const size_t count = unknown.size();
  if (count > 5) unknown.resize(5);
  return absl::InvalidArgumentError(
      absl::StrCat(file_->name(), ": ", count, " unexpected tensor(s): ", absl::StrJoin(unknown, ", "),
                   count > 5 ? ", ..." : ""));
}

}  // namespace vidmuse
