// LAION-CLAP's network for sounds: HTS-AT, a Swin transformer over a spectrogram, and a projection.
// This header needs no Torch.
//
// Sources: "Large-scale Contrastive Language-Audio Pretraining" (Wu et al., 2023), "HTS-AT" (Chen
// et al., 2022), and laion-clap's code.
#ifndef VIDMUSE_EXTRACTORS_CLAP_NETWORK_H_
#define VIDMUSE_EXTRACTORS_CLAP_NETWORK_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "core/model/checkpoint/weight_reader.h"

namespace at {
class Tensor;
}

namespace vidmuse {

inline constexpr int kClapRate = 48000;           // Hz
inline constexpr int64_t kClapSamples = 480'000;  // of a window
inline constexpr int64_t kClapStep = 480;         // samples from frame to frame
inline constexpr int64_t kClapFrame = 1024;       // samples
inline constexpr int64_t kClapBins = 64;          // of the mel spectrogram
inline constexpr int64_t kClapSide = 256;         // of the image that the transformer sees

// Computes in float32. Immutable after Load; thread-safe.
class ClapNetwork {
 public:
  // Reads the tensors "audio_branch..." and "audio_projection..." of a model without fusion. Its
  // sizes are those of the tensors. INVALID_ARGUMENT names the tensor that is of another network,
  // NOT_FOUND the one that is missing.
  static absl::StatusOr<std::unique_ptr<const ClapNetwork>> Load(WeightReader& weights);
  ~ClapNetwork();

  // Takes windows [N, kClapSamples] at kClapRate, and returns vectors [N, columns()] of length 1.
  // Throws what Torch throws, so call it inside RunTorch.
  at::Tensor Embed(const at::Tensor& windows) const;

  int64_t columns() const { return columns_; }

 private:
  struct Tensors;
  ClapNetwork();
  absl::Status ReadTensors(WeightReader& weights);
  // Returns [N, kClapFrames, kClapBins], in decibels and then normalised.
  at::Tensor Spectrogram(const at::Tensor& windows) const;

  const std::unique_ptr<Tensors> t_;
  int64_t columns_ = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_CLAP_NETWORK_H_
