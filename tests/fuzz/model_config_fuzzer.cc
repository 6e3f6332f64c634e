// Fuzzes the parsers of checkpoints' YAML and JSON configurations.
#include <cstddef>
#include <cstdint>

#include "core/model/architecture/model_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  vidmuse::ParseLmConfig(text).status().IgnoreError();
  vidmuse::ParseAudiocraftCodecConfig(text).status().IgnoreError();
  vidmuse::ParseHuggingFaceCodecConfig(text).status().IgnoreError();
  return 0;
}
