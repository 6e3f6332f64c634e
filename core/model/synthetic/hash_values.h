// Computes a tensor's values from its name (tests/data/golden/README.md).
#ifndef VIDMUSE_MODEL_SYNTHETIC_HASH_VALUES_H_
#define VIDMUSE_MODEL_SYNTHETIC_HASH_VALUES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/model/checkpoint/tensor_file.h"

namespace vidmuse {

// A tensor of the published layout, without its values.
struct NamedShape {
  std::string name;
  std::vector<int64_t> shape;
  bool ones = false;  // true: float32 ones; false: float16 hashes

  DType dtype() const { return ones ? DType::kFloat32 : DType::kFloat16; }
  int64_t elements() const;
};

uint64_t Fnv1a64(absl::string_view text);

// Returns value `index`, uniform on [0, 1), of the sequence of `key` (see Fnv1a64).
inline float HashUniform(uint64_t key, uint64_t index) {
  uint64_t z = key + index + 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return static_cast<float>(z >> 40) * 0x1p-24f;
}

// Writes the tensor's elements() * DTypeSize(dtype()) bytes to `out`.
void FillHashValues(absl::string_view seed, const NamedShape& tensor, char* out);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_SYNTHETIC_HASH_VALUES_H_
