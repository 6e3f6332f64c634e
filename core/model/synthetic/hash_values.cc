#include "core/model/synthetic/hash_values.h"

#include <cmath>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/model/checkpoint/half.h"

namespace vidmuse {
namespace {

struct Distribution {
  float base;
  float scale;
};

// The same as tests/data/golden/make/scales.py, branch by branch.
Distribution BaseAndScale(const std::string& name, const std::vector<int64_t>& shape) {
  const std::string last = name.substr(name.rfind('.') + 1);
  const auto has = [&](absl::string_view part) { return absl::StrContains(name, part); };
  const auto scale = [](double factor, double fan_in) {
    return Distribution{0.0f, static_cast<float>(factor * std::sqrt(3.0 / fan_in))};
  };
  if (absl::StartsWith(name, "emb.")) return {0.0f, 2.0f};
  if (has("pos_embedding") || has("position_embedding") || has("class_embedding"))
    return {0.0f, 0.5f};
  if (absl::StartsWith(name, "linears.")) return scale(4, shape[1]);
  if (last == "weight_g") return {1.0f, 0.2f};
  if (last == "weight_v") return {0.0f, 1.0f};
  if (has("weight_ih") || has("weight_hh")) return scale(1, shape[1]);
  if (absl::StartsWith(last, "bias")) return {0.0f, 0.05f};
  if (has("norm") && last == "weight" && shape.size() == 1) return {1.0f, 0.2f};
  if (last == "embed") return {0.0f, 1.0f};
  double fan_in = 1;
  for (size_t i = 1; i < shape.size(); ++i) fan_in *= static_cast<double>(shape[i]);
  return scale(1, fan_in);
}

}  // namespace

int64_t NamedShape::elements() const {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

uint64_t Fnv1a64(absl::string_view text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

void FillHashValues(absl::string_view seed, const NamedShape& tensor, char* out) {
  const int64_t count = tensor.elements();
  if (tensor.ones) {
    const float one = 1.0f;
    for (int64_t i = 0; i < count; ++i) std::memcpy(out + i * sizeof(one), &one, sizeof(one));
    return;
  }
  // `embed_avg` is a copy of `embed`.
  const std::string name(absl::StripSuffix(tensor.name, "_avg"));
  const Distribution distribution = BaseAndScale(name, tensor.shape);
  const uint64_t key = Fnv1a64(absl::StrCat(seed, ":", name));
  for (int64_t i = 0; i < count; ++i) {
    const float u = HashUniform(key, static_cast<uint64_t>(i)) * 2.0f - 1.0f;
    const uint16_t half = FloatToHalf(distribution.base + distribution.scale * u);
    std::memcpy(out + i * sizeof(half), &half, sizeof(half));
  }
}

}  // namespace vidmuse
