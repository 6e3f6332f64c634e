// EnCodec's decoder on a CPU: it turns tokens into samples, piece by piece.
//
// Signals are time-major, [time][channels], so a convolution's receptive field is contiguous: each
// layer is a linear layer over overlapping rows, and an output sample never depends on where the
// stream was cut.
#ifndef VIDMUSE_MODEL_CPU_CODEC_H_
#define VIDMUSE_MODEL_CPU_CODEC_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/model/architecture/model_config.h"
#include "core/model/checkpoint/weight_reader.h"
#include "core/model/cpu/codec_layers.h"
#include "core/model/cpu/codec_lstm.h"
#include "core/model/music_model.h"

namespace vidmuse::cpu {

// Immutable after Load; thread-safe.
class Codec {
 public:
  // `precision` is kFp32 or kInt8. kInt8 stores weights with a scale for each output, and its sums
  // of products are exact.
  static absl::StatusOr<std::shared_ptr<const Codec>> Load(const CodecConfig& config,
                                                           CodecNames names, WeightReader& reader,
                                                           const Kernels& kernels,
                                                           Precision precision = Precision::kFp32);

  const CodecConfig& config() const { return config_; }
  const Kernels& kernels() const { return kernels_; }
  Precision precision() const { return precision_; }

 private:
  friend class CodecStream;
  struct Stage {  // ELU, transposed convolution, residual block
    UpsamplingWeights upsampling;
    ConvWeights residual3;  // kernel 3 (residual_kernel_size)
    ConvWeights residual1;  // kernel 1
  };

  Codec(const CodecConfig& config, const Kernels& kernels, Precision precision)
      : config_(config), kernels_(kernels), precision_(precision) {}

  const CodecConfig config_;
  const Kernels& kernels_;
  const Precision precision_;
  std::vector<std::vector<float>> codebooks_;  // [codebooks][bins * dimension]
  ConvWeights first_;
  std::vector<std::unique_ptr<const LstmLayer>> lstm_;
  std::vector<Stage> stages_;
  ConvWeights last_;
};

// State of one stream (see AudioDecoder). A frame is 640 samples. Before the last push, N frames
// give max(0, 640 N - 2402) samples with constant padding. With reflected padding, the first frames
// are held back a little longer, until the start of the stream can be reflected.
//
// INVALID_ARGUMENT: a token is outside its codebook, or a frame is incomplete. FAILED_PRECONDITION:
// something was pushed after `last`.
class CodecStream final : public AudioDecoder {
 public:
  explicit CodecStream(std::shared_ptr<const Codec> codec);
  absl::Status Push(absl::Span<const int32_t> tokens, bool last,
                    std::vector<float>* samples) override;

 private:
  struct Stage {
    UpsamplingState upsampling;
    ResidualState residual;
  };

  void Decode(absl::Span<const int32_t> tokens, bool last, std::vector<float>* samples);
  // Runs the stages from number `stage` on, then the last convolution. Overwrites `x`.
  void DecodeStage(size_t stage, Signal& x, bool last, std::vector<float>* samples);

  const std::shared_ptr<const Codec> codec_;
  ConvState first_;
  std::vector<LstmState> lstm_;
  std::vector<Stage> stages_;
  ConvState last_;
  bool ended_ = false;
};

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_CODEC_H_
