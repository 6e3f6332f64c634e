// Kernels' bodies on the host, and numbers for them.
#ifndef VIDMUSE_TESTS_UNIT_MODEL_GPU_KERNELS_TEST_UTIL_H_
#define VIDMUSE_TESTS_UNIT_MODEL_GPU_KERNELS_TEST_UTIL_H_

#include <cstdint>
#include <random>
#include <vector>

#include "core/model/gpu/kernels/dispatch.h"
#include "core/model/gpu/kernels/quantize.h"
#include "core/model/gpu/kernels/token_step.h"

namespace vidmuse::gpu {

// Normally distributed.
class Randoms {
 public:
  explicit Randoms(uint32_t seed) : engine_(seed) {}
  float Next() { return normal_(engine_); }
  std::vector<float> Floats(size_t n, float scale = 1) {
    std::vector<float> values(n);
    for (float& value : values) value = scale * Next();
    return values;
  }

 private:
  std::mt19937 engine_;
  std::normal_distribution<float> normal_;
};

template <Number kNumber>
std::vector<uint16_t> Narrow(const std::vector<float>& values) {
  std::vector<uint16_t> narrow;
  for (const float value : values) narrow.push_back(FromFloat<kNumber>(value));
  return narrow;
}

template <Number kNumber>
std::vector<float> Wide(const std::vector<uint16_t>& values) {
  std::vector<float> wide;
  for (const uint16_t value : values) wide.push_back(ToFloat<kNumber>(value));
  return wide;
}

// Runs launches on the host.
class HostLauncher final : public Launcher {
 public:
  explicit HostLauncher(WeightFormat format, bool last_first = false)
      : format_(format), last_first_(last_first) {}

  void Embed(const EmbedArgs& args, int requests) override {
    Run({.x = requests, .threads = kEmbedThreads}, [&](Block& block) { EmbedBody(block, args); });
  }
  void Linear(const LinearArgs& args) override {
    switch (format_) {
      case WeightFormat::kFp16:
        return Linear<WeightFormat::kFp16>(args);
      case WeightFormat::kBf16:
        return Linear<WeightFormat::kBf16>(args);
      case WeightFormat::kInt8:
        return Linear<WeightFormat::kInt8>(args);
    }
  }
  void Attention(const AttentionArgs& args, int rows) override {
    const AttentionGrid blocks(args, rows);
    const HostGrid grid = {.x = blocks.x,
                           .y = blocks.y,
                           .z = blocks.z,
                           .threads = kAttentionThreads,
                           .shared_bytes = AttentionSharedBytes(args.k_scales != nullptr)};
    Run(grid, [&](Block& block) {
      if (args.k_scales != nullptr) return AttentionBody<Number::kFp16, true>(block, args);
      if (format_ == WeightFormat::kBf16) return AttentionBody<Number::kBf16, false>(block, args);
      AttentionBody<Number::kFp16, false>(block, args);
    });
  }
  void Sample(const SampleArgs& args, int requests) override {
    Run({.x = args.codebooks,
         .y = requests,
         .threads = kSampleThreads,
         .shared_bytes = sizeof(SampleShared)},
        [&](Block& block) { SampleBody(block, args); });
  }
  void Quantize(const QuantizeArgs& args, int heads) {
    Run({.x = heads, .threads = kQuantizeThreads, .shared_bytes = kQuantizeSharedBytes},
        [&](Block& block) { QuantizeBody<Number::kFp16>(block, args); });
  }

 private:
  void Run(HostGrid grid, const std::function<void(Block&)>& body) {
    grid.last_first = last_first_;
    RunOnHost(grid, body);
  }
  template <WeightFormat kFormat>
  void Linear(const LinearArgs& args) {
    const LinearShape shape = ChooseLinear(args, kFormat);
    const bool norm = args.norm_weight != nullptr;
    WithLinear<kFormat>(shape, norm, [&]<class Body>() {
      Run({.x = shape.blocks(args.outputs),
           .threads = kLinearThreads,
           .shared_bytes =
               LinearSharedBytes(shape.tiles, shape.halves, norm, args.rows, args.inputs)},
          [&](Block& block) { Body::Run(block, args); });
    });
  }

  const WeightFormat format_;
  const bool last_first_;
};

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_TESTS_UNIT_MODEL_GPU_KERNELS_TEST_UTIL_H_
