// Computes a tensor's values from its name (tests/data/golden/README.md).
#ifndef VIDMUSE_MODEL_SYNTHETIC_HASH_VALUES_H_
#define VIDMUSE_MODEL_SYNTHETIC_HASH_VALUES_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "core/model/architecture/tensors.h"
#include "core/model/checkpoint/tensor_file.h"

namespace vidmuse {

// The type of a tensor's values: float32 ones for counts, else float16 hashes.
inline DType HashType(const NamedShape& tensor) {
  return tensor.role == TensorRole::kCount ? DType::kFloat32 : DType::kFloat16;
}

uint64_t Fnv1a64(absl::string_view text);

// Returns value `index`, uniform on [0, 1), of the sequence of `key` (see Fnv1a64).
inline float HashUniform(uint64_t key, uint64_t index) {
  uint64_t z = key + index + 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return static_cast<float>(z >> 40) * 0x1p-24f;
}

// Writes the tensor's elements() * DTypeSize(HashType()) bytes to `out`.
void FillHashValues(absl::string_view seed, const NamedShape& tensor, char* out);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_SYNTHETIC_HASH_VALUES_H_
