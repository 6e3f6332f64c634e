#include <cstddef>
#include <cstdint>

#include "core/model/checkpoint/tensor_file.h"
#include "tests/fuzz/touch_tensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file =
      vidmuse::TensorFile::ParseSafetensors({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (file.ok()) vidmuse::TouchTensors(**file);
  return 0;
}
