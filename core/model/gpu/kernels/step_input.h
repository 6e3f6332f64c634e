// A decoding step's input for each request. Kernels read it from the device's memory, so one
// recorded step serves all positions, conditions and slots.
#ifndef VIDMUSE_MODEL_GPU_KERNELS_STEP_INPUT_H_
#define VIDMUSE_MODEL_GPU_KERNELS_STEP_INPUT_H_

#include <cstdint>

namespace vidmuse::gpu {

constexpr int kMaxCodebooks = 8;

// Request i has rows 2 i (conditional) and 2 i + 1 (null) of a step's tensors. Here a request is
// one position of one slot, so a prompt of n positions is n requests of one launch.
struct StepInput {
  // Slot of the keys and values. -1: there is no request, and its rows mean nothing.
  int32_t slot = -1;
  int32_t position = 0;  // of this step in the window
  // The launch also computes this slot's positions from this one up to `position`, as requests of
  // their own. Equal to `position` if there is only one.
  int32_t first_new = 0;
  int32_t condition_tokens = 0;  // at least 1 if there is a slot
  int32_t greedy = 1;
  int32_t top_k = 0;  // 0: off
  float cfg_coef = 1;
  double temperature = 1;
  double top_p = 0;  // 0: off
  int32_t tokens[kMaxCodebooks] = {};
  double uniforms[kMaxCodebooks] = {};  // from TokenUniform
};

// Strides of keys and values, in numbers. The head_dim numbers of one head and position are
// contiguous.
struct KvLayout {
  int64_t slot = 0;
  int64_t row = 0;
  int64_t head = 0;
  int64_t position = 0;
};

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_KERNELS_STEP_INPUT_H_
