// Reads and writes little-endian numbers of file formats. The host must be little-endian too.
#ifndef VIDMUSE_MODEL_CHECKPOINT_LITTLE_ENDIAN_H_
#define VIDMUSE_MODEL_CHECKPOINT_LITTLE_ENDIAN_H_

#include <bit>
#include <cstring>
#include <string>

namespace vidmuse {

static_assert(std::endian::native == std::endian::little, "checkpoints are read in place");

template <typename T>
T LoadLittle(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

template <typename T>
void AppendLittle(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CHECKPOINT_LITTLE_ENDIAN_H_
