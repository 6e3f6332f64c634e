// PANNs CNN14: the log-mel spectrogram, the convolutions and the classifier.
#ifndef VIDMUSE_EXTRACTORS_CNN14_NETWORK_H_
#define VIDMUSE_EXTRACTORS_CNN14_NETWORK_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/model/checkpoint/weight_reader.h"

namespace at {
class Tensor;
}

namespace vidmuse {

// Frames that one step of the result covers, since five blocks halve the time.
inline constexpr int64_t kCnn14FramesPerStep = 32;

// Computes in float32. Immutable after Load; thread-safe. Methods throw what Torch throws, so call
// them inside RunTorch.
class Cnn14Network {
 public:
  // `fft` and `hop` are in samples. NOT_FOUND and INVALID_ARGUMENT as WeightReader says, the latter
  // also for tensors of another network.
  static absl::StatusOr<std::unique_ptr<const Cnn14Network>> Load(int64_t fft, int64_t hop,
                                                                  WeightReader& weights);
  ~Cnn14Network();

  // The number of frames of so many samples.
  int64_t Frames(int64_t samples) const { return 1 + samples / hop_; }

  // Returns what the convolutions make of the samples, as the mean over frequencies:
  // [Frames / kCnn14FramesPerStep, width]. There must be more than fft / 2 samples, and at least
  // kCnn14FramesPerStep frames. A long sound is computed in parts, which overlap by as much as a
  // step can see, so the result is that of one pass.
  at::Tensor Steps(absl::Span<const float> samples) const;

  // [N, width] -> [N, 2048]: fc1 and its ReLU
  at::Tensor Embed(const at::Tensor& pooled) const;
  // [N, 2048] -> [N, classes]: before the sigmoid
  at::Tensor Classify(const at::Tensor& embeddings) const;

 private:
  struct Tensors;
  Cnn14Network(int64_t fft, int64_t hop);
  absl::Status ReadTensors(WeightReader& weights);
  at::Tensor LogMel(const at::Tensor& padded, int64_t first, int64_t count) const;
  at::Tensor Convolve(at::Tensor x) const;

  const int64_t fft_, hop_;
  const std::unique_ptr<Tensors> t_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_CNN14_NETWORK_H_
