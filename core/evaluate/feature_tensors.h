// Features as tensors.
#ifndef VIDMUSE_EVALUATE_FEATURE_TENSORS_H_
#define VIDMUSE_EVALUATE_FEATURE_TENSORS_H_

#include <ATen/ATen.h>

#include "core/extractors/features.h"

namespace vidmuse::evaluate {

// A float64 copy [rows, columns]. Throws as Torch does.
inline at::Tensor ToDouble(const FeatureMatrix& features) {
  return at::from_blob(const_cast<float*>(features.values.data()),
                       {features.rows, features.columns}, at::kFloat)
      .to(at::kDouble);
}

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_FEATURE_TENSORS_H_
