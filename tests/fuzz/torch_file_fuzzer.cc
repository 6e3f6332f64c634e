// Fuzzes the readers of torch.save files and of bare pickles.
#include <cstddef>
#include <cstdint>

#include "core/model/checkpoint/pickle.h"
#include "core/model/checkpoint/tensor_file.h"
#include "tests/fuzz/touch_tensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const auto other : {vidmuse::OtherValues::kRefuse, vidmuse::OtherValues::kSkip}) {
    const auto file = vidmuse::TensorFile::ParseTorch(bytes, "fuzz", other);
    if (file.ok()) vidmuse::TouchTensors(**file);
    vidmuse::ParsePickle(bytes, other).status().IgnoreError();
  }
  return 0;
}
