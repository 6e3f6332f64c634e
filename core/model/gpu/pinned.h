// Memory of the host that a GPU copies from and to by itself. Only .cc files include this: it
// includes Torch.
#ifndef VIDMUSE_MODEL_GPU_PINNED_H_
#define VIDMUSE_MODEL_GPU_PINNED_H_

#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace vidmuse::gpu {

// Zeros of the tensor's number format, page-locked if the tensor is a GPU's.
inline at::Tensor PinnedLike(const at::Tensor& tensor, at::IntArrayRef shape) {
  return at::zeros(
      shape, at::TensorOptions(tensor.scalar_type()).pinned_memory(!tensor.device().is_cpu()));
}

// Waits for the thread's current stream of the tensor's device.
inline void WaitForDevice(const at::Tensor& tensor) {
  if (tensor.device().is_cpu()) return;
  const c10::impl::VirtualGuardImpl guard(tensor.device().type());
  guard.synchronizeStream(guard.getStream(tensor.device()));
}

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_PINNED_H_
