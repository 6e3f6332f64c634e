// A linear layer that LibTorch's copy of oneDNN computes, over a chunk of frames. This header
// includes Torch: only .cc files of this folder include it.
#ifndef VIDMUSE_MODEL_CONDITIONER_ONEDNN_LINEAR_H_
#define VIDMUSE_MODEL_CONDITIONER_ONEDNN_LINEAR_H_

#include <ATen/core/Tensor.h>

#include <optional>

#include "absl/status/status.h"
#include "core/model/architecture/video_frames.h"
#include "core/model/conditioner/video_networks.h"

namespace vidmuse {

inline constexpr int kChunkRows = kChunkFrames * kTokensPerFrame;

// The operators are LibTorch's own and may change with any version. FAILED_PRECONDITION names the
// one that this LibTorch lacks, or that takes other arguments than the version this was written
// for.
absl::Status CheckOneDnnOperators();

// The weights lie in oneDNN's blocked layout, in which products run near the core's peak.
// at::linear may reach less than half of it, because its BLAS favours one vendor.
class OneDnnLinear {
 public:
  // The operation that is fused into the product. kAdd adds another tensor.
  enum class Epilogue { kNone, kGelu, kSwish, kAdd };

  OneDnnLinear() = default;
  // `weight`: [out, in]; `bias`: [out], or undefined; `type`: the type of the product's operands.
  OneDnnLinear(const at::Tensor& weight, const at::Tensor& bias, at::ScalarType type,
               Epilogue epilogue = Epilogue::kNone);

  // x: [kChunkRows, in]; `other`, for kAdd alone: [kChunkRows, out]. With kAdd, `other` and the
  // result are float32; otherwise the result has the operands' type. Throws what Torch throws.
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& other = at::Tensor()) const;

 private:
  bool PlaceMatters(int64_t out, int64_t in) const;
  at::Tensor Run(const at::Tensor& input, const at::Tensor& other) const;

  at::ScalarType type_ = at::kFloat;
  Epilogue epilogue_ = Epilogue::kNone;
  at::Tensor weight_;
  std::optional<at::Tensor> bias_;
  // Whether a frame's rows depend, bit for bit, on their place in a chunk, because some kernels sum
  // a product's last rows in another order than its first. Such a layer computes frame by frame.
  bool place_matters_ = false;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CONDITIONER_ONEDNN_LINEAR_H_
