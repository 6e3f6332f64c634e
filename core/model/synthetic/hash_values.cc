#include "core/model/synthetic/hash_values.h"

#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/model/checkpoint/half.h"

namespace vidmuse {
namespace {

struct Distribution {
  float base;
  float scale;
};

// The same as tests/data/golden/make/scales.py, which goes by the tensors' names.
Distribution BaseAndScale(const NamedShape& tensor) {
  const auto uniform = [&](double factor) {
    double fan_in = 1;
    for (size_t i = 1; i < tensor.shape.size(); ++i) fan_in *= static_cast<double>(tensor.shape[i]);
    return Distribution{0.0f, static_cast<float>(factor * std::sqrt(3.0 / fan_in))};
  };
  switch (tensor.role) {
    case TensorRole::kTokenEmbedding:
      return {0.0f, 2.0f};
    case TensorRole::kPosition:
      return {0.0f, 0.5f};
    case TensorRole::kHeadWeight:
      return uniform(4);
    case TensorRole::kGain:
    case TensorRole::kNormScale:
      return {1.0f, 0.2f};
    case TensorRole::kDirection:
    case TensorRole::kTransposedDirection:
    case TensorRole::kCode:
    case TensorRole::kCodeSum:
      return {0.0f, 1.0f};
    case TensorRole::kBias:
      return {0.0f, 0.05f};
    case TensorRole::kWeight:
    case TensorRole::kResidualWeight:
    case TensorRole::kCount:
      break;
  }
  return uniform(1);
}

}  // namespace

uint64_t Fnv1a64(absl::string_view text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

void FillHashValues(absl::string_view seed, const NamedShape& tensor, char* out) {
  const int64_t count = tensor.elements();
  if (tensor.role == TensorRole::kCount) {
    const float one = 1.0f;
    for (int64_t i = 0; i < count; ++i) std::memcpy(out + i * sizeof(one), &one, sizeof(one));
    return;
  }
  // The sums of a code's vectors start as a copy of the codes.
  const absl::string_view name =
      tensor.role == TensorRole::kCodeSum ? absl::StripSuffix(tensor.name, "_avg") : tensor.name;
  const Distribution distribution = BaseAndScale(tensor);
  const uint64_t key = Fnv1a64(absl::StrCat(seed, ":", name));
  for (int64_t i = 0; i < count; ++i) {
    const float u = HashUniform(key, static_cast<uint64_t>(i)) * 2.0f - 1.0f;
    const uint16_t half = FloatToHalf(distribution.base + distribution.scale * u);
    std::memcpy(out + i * sizeof(half), &half, sizeof(half));
  }
}

}  // namespace vidmuse
