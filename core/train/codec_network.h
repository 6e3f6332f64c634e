// EnCodec with gradients: converts audio to latents and codes, and back.
//
// Source: "High Fidelity Neural Audio Compression" (Defossez et al., 2022), as audiocraft computes
// it. core/model/cpu runs the same decoder incrementally.
#ifndef VIDMUSE_TRAIN_CODEC_NETWORK_H_
#define VIDMUSE_TRAIN_CODEC_NETWORK_H_

#include <ATen/core/Tensor.h>

#include "core/model/architecture/model_config.h"
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
  // Quantised latents, in the input's shape. Gradients pass straight through to the input.
  at::Tensor latents;
  at::Tensor codes;  // [batch][codebooks][frames], int64
  // Scalar: mean squared distance between the residuals and the vectors chosen for them.
  at::Tensor commitment;
};

// How training updates the codebooks: each code is the exponential moving average of the vectors
// assigned to it, and codes that are hardly ever chosen are re-initialised ("SoundStream",
// Zeghidour et al., 2021).
struct CodebookUpdate {
  double decay = 0.97;
  // A code is dead if a batch assigns fewer vectors to it than this, on average.
  double dead_below = 0.3;
  // Initialises the codebooks by k-means on this batch's vectors.
  bool first = false;
  // Draws new codes. Must be set.
  Random* random = nullptr;
};

// Residual vector quantisation. With `update`, also updates the codebooks in `parameters`.
Quantized Quantize(const CodecConfig& config, const Parameters& parameters,
                   const at::Tensor& latents, const CodebookUpdate* update = nullptr);

// The latents that codes stand for. codes: [batch][codebooks][frames]; result:
// [batch][dimension][frames].
at::Tensor LookUp(const CodecConfig& config, const Parameters& parameters, const at::Tensor& codes);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_CODEC_NETWORK_H_
