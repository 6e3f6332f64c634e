// A step's input: the sum of the tokens' embeddings and of the position's, float32, the same for
// both rows of a request.
//
// A block of 256 threads has one request; codebooks are summed in order, the position last.
#ifndef VIDMUSE_MODEL_GPU_KERNELS_EMBED_H_
#define VIDMUSE_MODEL_GPU_KERNELS_EMBED_H_

#include <cstddef>
#include <cstdint>

#include "core/model/gpu/kernels/block.h"
#include "core/model/gpu/kernels/step_input.h"

namespace vidmuse::gpu {

constexpr int kEmbedThreads = 256;

// The grid is requests.
struct EmbedArgs {
  const StepInput* steps = nullptr;
  const float* embeddings = nullptr;  // [codebooks][card + 1][dim]
  const float* positions = nullptr;   // [positions][dim]
  float* x = nullptr;                 // [requests * 2][dim]
  int codebooks = 0;
  int card = 0;
  int dim = 0;
};

VIDMUSE_DEVICE void EmbedBody(Block& block, const EmbedArgs& args) {
  block.LaunchNext();
  block.WaitForPrevious();
  const StepInput& step = args.steps[block.x()];
  const size_t dim = static_cast<size_t>(args.dim);
  float* const x = args.x + 2 * block.x() * dim;
  for (int i = block.thread(); i < args.dim; i += kEmbedThreads) {
    float sum = 0;
    for (int k = 0; k < args.codebooks; ++k) {
      const size_t row = static_cast<size_t>(k) * (args.card + 1) + step.tokens[k];
      sum += args.embeddings[row * dim + i];
    }
    sum += args.positions[step.position * dim + i];
    x[i] = sum;
    x[dim + i] = sum;
  }
}

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_KERNELS_EMBED_H_
