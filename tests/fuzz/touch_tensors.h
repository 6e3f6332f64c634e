// Reads every tensor of a parsed file, so that a sanitizer reports tensors that reach outside it.
#ifndef VIDMUSE_TESTS_FUZZ_TOUCH_TENSORS_H_
#define VIDMUSE_TESTS_FUZZ_TOUCH_TENSORS_H_

#include "core/model/checkpoint/tensor_file.h"

namespace vidmuse {

inline void TouchTensors(const TensorFile& file) {
  unsigned sum = 0;
  for (const auto& [name, tensor] : file.tensors()) {
    const auto* bytes = static_cast<const unsigned char*>(tensor.data);
    const int64_t size = tensor.elements() * DTypeSize(tensor.dtype);
    for (int64_t i = 0; i < size; ++i) sum += bytes[i];
  }
  volatile unsigned kept = sum;
  static_cast<void>(kept);
}

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_FUZZ_TOUCH_TENSORS_H_
