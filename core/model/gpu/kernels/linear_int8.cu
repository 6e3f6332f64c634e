#include "core/model/gpu/kernels/linear_launch_impl.h"

namespace vidmuse::gpu {

template cudaError_t LaunchLinear<WeightFormat::kInt8>(const LinearArgs&, cudaStream_t, bool);
template cudaError_t PrepareLinear<WeightFormat::kInt8>();

}  // namespace vidmuse::gpu
