// Features and samples that are hashes of their names, as tests/data/golden/make_measures.py makes
// them.
#ifndef VIDMUSE_TESTS_SUPPORT_HASH_FEATURES_H_
#define VIDMUSE_TESTS_SUPPORT_HASH_FEATURES_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "core/extractors/features.h"
#include "core/model/synthetic/hash_values.h"

namespace vidmuse {

// [rows, columns]: shift + scale * u * (1 + column % 5), with u uniform on [-1, 1).
inline FeatureMatrix HashFeatures(absl::string_view name, int64_t rows, int64_t columns,
                                  double scale = 1, double shift = 0) {
  const uint64_t key = Fnv1a64(name);
  FeatureMatrix features{.rows = rows, .columns = columns, .values = {}};
  for (int64_t i = 0; i < rows * columns; ++i) {
    const double u = 2.0 * HashUniform(key, static_cast<uint64_t>(i)) - 1;
    features.values.push_back(
        static_cast<float>(shift + scale * u * static_cast<double>(1 + i % columns % 5)));
  }
  return features;
}

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_HASH_FEATURES_H_
