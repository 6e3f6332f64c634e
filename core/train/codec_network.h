// EnCodec with gradients: audio to latents to codes and back.
//
// Source: "High Fidelity Neural Audio Compression" (Defossez et al., 2022), as audiocraft computes
// it. core/model/cpu runs the same decoder incrementally.
#ifndef VIDMUSE_TRAIN_CODEC_NETWORK_H_
#define VIDMUSE_TRAIN_CODEC_NETWORK_H_

#include <ATen/core/Tensor.h>

#include "core/model/checkpoint/model_config.h"
#include "core/train/parameters.h"
#include "core/train/random.h"

namespace vidmuse::train {

// audio: [batch][samples], a multiple of samples_per_frame(); result: [batch][dimension][frames].
at::Tensor EncodeAudio(const CodecConfig& config, const Parameters& parameters,
                       const at::Tensor& audio);

// latents: [batch][dimension][frames]; result: [batch][samples].
at::Tensor DecodeLatents(const CodecConfig& config, const Parameters& parameters,
                         const at::Tensor& latents);

struct Quantized {
  at::Tensor latents;     // as the input; gradients pass straight through
  at::Tensor codes;       // [batch][codebooks][frames], int64
  at::Tensor commitment;  // scalar: mean squared distance of the residuals from their vectors
};

// How training moves the codebooks: exponential moving averages of the vectors that a code stands
// for, and new places for codes that nothing chooses ("SoundStream", Zeghidour et al., 2021).
struct CodebookUpdate {
  double decay = 0.97;
  double dead_below = 0.3;  // vectors a batch, on average
  bool first = false;       // the codebooks begin as means of this batch's vectors
  Random* random = nullptr;
};

// Residual vector quantisation. With `update`, changes the codebooks after choosing.
Quantized Quantize(const CodecConfig& config, const Parameters& parameters,
                   const at::Tensor& latents, const CodebookUpdate* update = nullptr);

// codes: [batch][codebooks][frames]; result: [batch][dimension][frames].
at::Tensor LookUp(const CodecConfig& config, const Parameters& parameters, const at::Tensor& codes);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_CODEC_NETWORK_H_
