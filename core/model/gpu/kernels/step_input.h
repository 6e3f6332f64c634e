// What a decoding step is told of each request, on the device: kernels read it there, so that one
// recorded step serves all positions, conditions and slots.
#ifndef VIDMUSE_MODEL_GPU_KERNELS_STEP_INPUT_H_
#define VIDMUSE_MODEL_GPU_KERNELS_STEP_INPUT_H_

#include <cstdint>

namespace vidmuse::gpu {

constexpr int kMaxCodebooks = 8;

// Rows 2 i (conditional) and 2 i + 1 (null) of a step's tensors are those of request i.
struct StepInput {
  int32_t slot = -1;             // of the keys and values; -1: nobody's, whose rows mean nothing
  int32_t position = 0;          // of this step in the window
  int32_t condition_tokens = 0;  // at least 1 where there is a slot
  int32_t greedy = 1;
  int32_t top_k = 0;  // 0: off
  float cfg_coef = 1;
  double temperature = 1;
  double top_p = 0;  // 0: off
  int32_t tokens[kMaxCodebooks] = {};
  double uniforms[kMaxCodebooks] = {};  // TokenUniform's
};

// Where keys and values are, counted in numbers: head_dim of them lie side by side.
struct KvLayout {
  int64_t slot = 0;
  int64_t row = 0;
  int64_t head = 0;
  int64_t position = 0;
};

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_KERNELS_STEP_INPUT_H_
