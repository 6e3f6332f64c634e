// Writes a small LAION-CLAP model in the published layout, whose weights are hashes of their names.
#ifndef VIDMUSE_TESTS_SUPPORT_CLAP_FILE_H_
#define VIDMUSE_TESTS_SUPPORT_CLAP_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace vidmuse {

// The default is what the goldens were recorded with.
struct ClapSizes {
  int64_t width = 8;
  std::vector<int> depths = {2, 2, 3, 2};
  std::vector<int64_t> heads = {2, 2, 4, 4};
  int64_t columns = 16;
};

inline ClapSizes PublishedClap() { return {128, {2, 2, 12, 2}, {4, 8, 16, 32}, 512}; }

// Writes what its sounds need to `path`, one tensor at a time.
absl::Status WriteClap(const ClapSizes& sizes, const std::string& path);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_CLAP_FILE_H_
