// Maps arguments known at run time to the kernels' template parameters, on device and host.
#ifndef VIDMUSE_MODEL_GPU_KERNELS_DISPATCH_H_
#define VIDMUSE_MODEL_GPU_KERNELS_DISPATCH_H_

#include "core/model/gpu/kernels/linear.h"
#include "core/model/gpu/kernels/token_step.h"

namespace vidmuse::gpu {

constexpr Number NumberOf(WeightFormat format) {
  return format == WeightFormat::kBf16 ? Number::kBf16 : Number::kFp16;
}

// Calls run.template operator()<LinearBody<...>>() with the body that ChooseLinear chose.
template <WeightFormat kFormat, int kHalves, class Run>
void WithLinearBody(const LinearShape& shape, bool norm, Run&& run) {
  constexpr bool kInt8 = kFormat == WeightFormat::kInt8;
  constexpr Number kNumber = NumberOf(kFormat);
  constexpr int kFew = kInt8 ? 2 : 4;
  if (norm) {
    switch (shape.tiles) {
      case 4:
        return run.template operator()<LinearBody<kNumber, kInt8, 4, kHalves, kFew, true>>();
      case 3:
        return run.template operator()<LinearBody<kNumber, kInt8, 3, kHalves, kFew, true>>();
      default:
        return run.template operator()<LinearBody<kNumber, kInt8, 1, kHalves, kFew, true>>();
    }
  }
  if (shape.chunk == kFew) {
    return run.template operator()<LinearBody<kNumber, kInt8, 1, kHalves, kFew, false>>();
  }
  return run.template operator()<LinearBody<kNumber, kInt8, 1, kHalves, 4 * kFew, false>>();
}

template <WeightFormat kFormat, class Run>
void WithLinear(const LinearShape& shape, bool norm, Run&& run) {
  if (shape.halves == 4) return WithLinearBody<kFormat, 4>(shape, norm, run);
  if (shape.halves == 2) return WithLinearBody<kFormat, 2>(shape, norm, run);
  return WithLinearBody<kFormat, 1>(shape, norm, run);
}

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_KERNELS_DISPATCH_H_
