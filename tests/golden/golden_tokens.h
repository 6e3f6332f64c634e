// Reads golden tokens.
#ifndef VIDMUSE_TESTS_GOLDEN_GOLDEN_TOKENS_H_
#define VIDMUSE_TESTS_GOLDEN_GOLDEN_TOKENS_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/model/checkpoint/tensor_file.h"

namespace vidmuse {

inline std::string Golden(const std::string& name) {
  return std::string(VIDMUSE_TEST_DATA "/golden/") + name;
}

inline std::unique_ptr<TensorFile> OpenGolden(const std::string& name) {
  auto file = TensorFile::OpenTorch(Golden(name));
  EXPECT_TRUE(file.ok()) << file.status();
  return *std::move(file);
}

// [codebooks][frames] of integers, whatever is before them -> [frames][codebooks]
template <typename Int>
std::vector<int32_t> GoldenTokens(const TensorView& view) {
  constexpr int kCodebooks = 4;
  const Int* data = static_cast<const Int*>(view.data);
  const int64_t frames = view.elements() / kCodebooks;
  std::vector<int32_t> tokens;
  for (int64_t t = 0; t < frames; ++t) {
    for (int k = 0; k < kCodebooks; ++k) {
      tokens.push_back(static_cast<int32_t>(data[k * frames + t]));
    }
  }
  return tokens;
}

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_GOLDEN_GOLDEN_TOKENS_H_
