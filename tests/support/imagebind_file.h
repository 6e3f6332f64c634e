// Writes a small ImageBind in the published layout, whose weights are hashes of their names.
#ifndef VIDMUSE_TESTS_SUPPORT_IMAGEBIND_FILE_H_
#define VIDMUSE_TESTS_SUPPORT_IMAGEBIND_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace vidmuse {

// The default is what the goldens were recorded with.
struct ImageBindSizes {
  int64_t picture_width = 32;
  int picture_blocks = 2;
  int64_t sound_width = 48;
  int sound_blocks = 2;
  int64_t columns = 24;
};

inline constexpr ImageBindSizes kPublishedImageBind = {1280, 32, 768, 12, 1024};

// Writes the towers of sounds and pictures to `path`, one tensor at a time.
absl::Status WriteImageBind(const ImageBindSizes& sizes, const std::string& path);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_IMAGEBIND_FILE_H_
