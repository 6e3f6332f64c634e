// The layers of HTDemucs. at::Tensor is only declared, so this header needs no Torch.
#ifndef VIDMUSE_EXTRACTORS_HTDEMUCS_LAYERS_H_
#define VIDMUSE_EXTRACTORS_HTDEMUCS_LAYERS_H_

#include <cstdint>

namespace at {
class Tensor;
}

namespace vidmuse::htdemucs {

struct Encoder;
struct Decoder;
struct Transformer;

// The functions below take and give float32 tensors of the spectrogram's branch, [1, channels,
// frequencies, frames], or of the time branch, [1, channels, samples]. They throw what Torch
// throws.

// A quarter of the frequencies or samples; samples are first filled up to a multiple of 4.
at::Tensor Encode(const Encoder& layer, const at::Tensor& x);

// Four times the frequencies, or `samples` samples. `skip` is what the encoder of this size made.
at::Tensor Decode(const Decoder& layer, const at::Tensor& x, const at::Tensor& skip,
                  int64_t samples, bool is_last);

// `x`: [1, places, width]; `other`: the same of the other branch, used if layer.is_cross.
at::Tensor Transform(const Transformer& layer, int64_t heads, const at::Tensor& x,
                     const at::Tensor& other);

// The positions that are added before the transformer: [1, frames * frequencies, width], with the
// frequencies of a frame beside each other, and [1, places, width].
at::Tensor SpectrumPositions(int64_t width, int64_t frequencies, int64_t frames, double max_period);
at::Tensor TimePositions(int64_t width, int64_t places, double max_period);

}  // namespace vidmuse::htdemucs

#endif  // VIDMUSE_EXTRACTORS_HTDEMUCS_LAYERS_H_
