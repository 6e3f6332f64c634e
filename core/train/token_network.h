// The token model and its conditioner with gradients. core/model/architecture describes both, and
// core/model/cpu, gpu and conditioner compute the same for inference.
#ifndef VIDMUSE_TRAIN_TOKEN_NETWORK_H_
#define VIDMUSE_TRAIN_TOKEN_NETWORK_H_

#include <ATen/core/Tensor.h>

#include "core/model/architecture/model_config.h"
#include "core/train/parameters.h"

namespace vidmuse::train {

// The conditioner's sizes are those of the parameters. Functions that need them throw
// std::invalid_argument if no conditioner can have these.

// CLIP's last hidden states. frames: [n][3][224][224] uint8; result: [n][50][width].
at::Tensor ClipStates(const LmConfig& config, const Parameters& parameters,
                      const at::Tensor& frames);

enum class VideoBranch { kLocal, kGlobal };

// Runs a branch's temporal transformer over each frame's states on its own. states and result:
// [n][50][width].
at::Tensor TemporalStates(const LmConfig& config, const Parameters& parameters, VideoBranch branch,
                          const at::Tensor& states);

// Cross-attention from local to global tokens, and the projection to the token model's width.
// local: [batch][tokens][width]; global: [batch][global tokens][width]; result:
// [batch][tokens][dim].
at::Tensor CrossCondition(const LmConfig& config, const Parameters& parameters,
                          const at::Tensor& local, const at::Tensor& global);

// The whole conditioner. local: [batch][frames][3][224][224] uint8; global:
// [batch][global frames][3][224][224] uint8; result: [batch][frames * 50][dim].
at::Tensor Condition(const LmConfig& config, const Parameters& parameters, const at::Tensor& local,
                     const at::Tensor& global);

// One transformer layer. x and result: [batch][steps][dim]; condition: [batch][tokens][dim].
at::Tensor TransformerLayer(const LmConfig& config, const Parameters& parameters, int layer,
                            const at::Tensor& x, const at::Tensor& condition);

// Logits of the step after each step. sequence: [batch][codebooks][steps] int64, where `card` is
// the special token; result: [batch][codebooks][steps][card].
at::Tensor TokenLogits(const LmConfig& config, const Parameters& parameters,
                       const at::Tensor& sequence, const at::Tensor& condition);

// The delay pattern (core/model/architecture/delay_pattern.h). codes: [batch][codebooks][frames];
// result: [batch][codebooks][steps], with `card` where there is no frame.
at::Tensor DelaySequence(const at::Tensor& codes, int64_t card);

// Mean cross-entropy of predicting every code from the steps before it. `hidden`, if defined, marks
// the steps whose tokens the model doesn't see: [batch][frames + codebooks - 1] bool. `heard`, if
// defined, is what the model sees in place of `codes`, in the same shape.
at::Tensor TokenLoss(const LmConfig& config, const Parameters& parameters, const at::Tensor& codes,
                     const at::Tensor& condition, const at::Tensor& hidden = at::Tensor(),
                     const at::Tensor& heard = at::Tensor());

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_TOKEN_NETWORK_H_
