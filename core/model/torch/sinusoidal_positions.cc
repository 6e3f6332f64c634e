#include <ATen/ATen.h>

#include <new>
#include <vector>

#include "core/model/torch/run_torch.h"
#include "core/model/torch/video_encoder.h"

namespace vidmuse {

std::vector<float> SinusoidalPositions(int positions, int dim) {
  std::vector<float> values;
  const absl::Status status = RunTorch([&] {
    const int half = dim / 2;
    const at::Tensor step = at::arange(positions, at::kFloat).view({-1, 1});
    const at::Tensor exponent = at::arange(half, at::kFloat).view({1, -1}) / (half - 1);
    const at::Tensor phase = step / at::pow(at::full({}, 10000, at::kFloat), exponent);
    const at::Tensor table = at::cat({phase.cos(), phase.sin()}, 1);
    values.assign(table.const_data_ptr<float>(), table.const_data_ptr<float>() + table.numel());
    return absl::OkStatus();
  });
  if (!status.ok()) throw std::bad_alloc();  // no other failure is possible
  return values;
}

}  // namespace vidmuse
