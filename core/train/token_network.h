// The token model and its conditioner with gradients.
//
// As core/model/torch and core/model/cpu compute them for inference; the formulas' sources are
// there.
#ifndef VIDMUSE_TRAIN_TOKEN_NETWORK_H_
#define VIDMUSE_TRAIN_TOKEN_NETWORK_H_

#include <ATen/core/Tensor.h>

#include "core/model/checkpoint/model_config.h"
#include "core/train/parameters.h"

namespace vidmuse::train {

inline constexpr int kFrameTokens = 50;  // CLIP's class token and 7 x 7 patches

// frames: [n][3][224][224] uint8; result: CLIP's states, [n][50][width].
at::Tensor ClipStates(const Parameters& parameters, const at::Tensor& frames);

// One branch of frames' states: "local" or "global". Each frame on its own; same shapes.
at::Tensor TemporalStates(const LmConfig& config, const Parameters& parameters,
                          const std::string& branch, const at::Tensor& states);

// Cross-attention from local to global tokens, and the projection. local: [batch][tokens][width],
// global: [batch][other tokens][width]; result: [batch][tokens][dim].
at::Tensor CrossCondition(const Parameters& parameters, const at::Tensor& local,
                          const at::Tensor& global);

// The whole conditioner: local: [batch][frames][3][224][224] uint8, global likewise with its own
// number of frames; result: [batch][frames * 50][dim].
at::Tensor Condition(const LmConfig& config, const Parameters& parameters, const at::Tensor& local,
                     const at::Tensor& global);

// One layer over x, [batch][steps][dim], with condition [batch][tokens][dim].
at::Tensor TransformerLayer(const LmConfig& config, const Parameters& parameters, int layer,
                            const at::Tensor& x, const at::Tensor& condition);

// sequence: [batch][codebooks][steps] int64, special token = card; result: logits
// [batch][codebooks][steps][card] of the steps after them.
at::Tensor TokenLogits(const LmConfig& config, const Parameters& parameters,
                       const at::Tensor& sequence, const at::Tensor& condition);

// The delay pattern: codes [batch][codebooks][frames] to sequence steps 0 .. frames + codebooks -
// 1, [batch][codebooks][steps]. Step s holds frame s - 1 - k of codebook k, or `card` where there
// is none.
at::Tensor DelaySequence(const at::Tensor& codes, int64_t card);

// Mean cross-entropy over all codes of their prediction from the steps before them. `hidden`, if
// defined: [batch][frames + codebooks - 1] bool, steps whose tokens the model doesn't see. `heard`,
// if defined: what it sees in place of `codes`.
at::Tensor TokenLoss(const LmConfig& config, const Parameters& parameters, const at::Tensor& codes,
                     const at::Tensor& condition, const at::Tensor& hidden = at::Tensor(),
                     const at::Tensor& heard = at::Tensor());

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_TOKEN_NETWORK_H_
