// Computes a step's input: the sum of the tokens' embeddings and the position's, in float32. It is
// the same for both rows of a request.
//
// A block of 256 threads computes one request, and a thread 8 adjacent numbers at a time. Codebooks
// are summed in order, and the position is added last. The Moments of each 8 numbers are stored for
// the LayerNorm that follows.
#ifndef VIDMUSE_MODEL_GPU_KERNELS_EMBED_H_
#define VIDMUSE_MODEL_GPU_KERNELS_EMBED_H_

#include <cstddef>
#include <cstdint>

#include "core/model/gpu/kernels/block.h"
#include "core/model/gpu/kernels/linear.h"
#include "core/model/gpu/kernels/step_input.h"

namespace vidmuse::gpu {

constexpr int kEmbedThreads = 256;

// The grid has one block per request.
struct EmbedArgs {
  const StepInput* steps = nullptr;
  const float* embeddings = nullptr;  // [codebooks][card + 1][dim]
  const float* positions = nullptr;   // [positions][dim]
  float* x = nullptr;                 // [requests * 2][dim]
  Moments* moments = nullptr;         // [requests * 2][dim / 8]
  int codebooks = 0;
  int card = 0;
  int dim = 0;
};

VIDMUSE_DEVICE void EmbedBody(Block& block, const EmbedArgs& args) {
  block.LaunchNext();
  block.WaitForPrevious();
  const StepInput& step = args.steps[block.x()];
  const size_t dim = static_cast<size_t>(args.dim);
  for (int first = 8 * block.thread(); first < args.dim; first += 8 * kEmbedThreads) {
    float sums[8] = {}, mean = 0, squares = 0;
    for (int k = 0; k < args.codebooks; ++k) {
      const size_t row = static_cast<size_t>(k) * (args.card + 1) + step.tokens[k];
      for (int i = 0; i < 8; ++i) sums[i] += args.embeddings[row * dim + first + i];
    }
    for (int i = 0; i < 8; ++i) {
      sums[i] += args.positions[step.position * dim + first + i];
      mean += 0.125f * sums[i];
    }
    for (int i = 0; i < 8; ++i) squares += (sums[i] - mean) * (sums[i] - mean);
    for (int row = 2 * block.x(); row < 2 * block.x() + 2; ++row) {
      for (int i = 0; i < 8; ++i) args.x[row * dim + first + i] = sums[i];
      args.moments[(row * dim + first) / 8] = {mean, squares};
    }
  }
}

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_KERNELS_EMBED_H_
