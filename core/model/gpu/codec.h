// EnCodec's decoder in plain ATen on a device. It turns tokens into samples piece by piece. This
// header needs no Torch.
#ifndef VIDMUSE_MODEL_GPU_CODEC_H_
#define VIDMUSE_MODEL_GPU_CODEC_H_

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "core/model/architecture/model_config.h"
#include "core/model/music_model.h"
#include "core/model/torch/device_stream.h"
#include "core/model/torch/device_tensors.h"

namespace vidmuse::gpu {

// How much of the stream around a sample influences it.
struct CodecReach {
  // Number of samples at the end of a piece that later frames still change.
  int lookahead_samples = 0;
  // Number of LSTM frames to put before a piece so that the samples are right from
  // `lookahead_samples` before the piece on.
  int context_frames = 0;
};
CodecReach ReachOf(const CodecConfig& config);

// Immutable after Load; thread-safe.
class Codec {
 public:
  // Frames of a piece. This many are computed at once, always in the same places.
  static constexpr int kPieceFrames = 25;

  // Errors name the tensor.
  static absl::StatusOr<std::shared_ptr<const Codec>> Load(const CodecConfig& config,
                                                           CodecNames names, DeviceReader& reader);
  ~Codec();

  const CodecConfig& config() const { return config_; }
  const CodecReach& reach() const { return reach_; }
  // The sum of the tensors' sizes.
  size_t weight_bytes() const;

 private:
  friend class CodecStream;
  friend class CodecLoader;
  struct Tensors;
  explicit Codec(const CodecConfig& config);

  const CodecConfig config_;
  const CodecReach reach_;
  const std::unique_ptr<Tensors> t_;
};

// See AudioDecoder. After N frames it has delivered as many samples as cpu::CodecStream would.
//
// Pieces begin at multiples of kPieceFrames of the stream and have a fixed shape: a piece that
// isn't full yet is padded with zeros, and computed again when more frames have arrived. So each
// sample is always computed in the same place of the same shape, and doesn't depend, bit for bit,
// on how the tokens were split over calls.
//
// INVALID_ARGUMENT: a token is outside its codebook, or a frame is incomplete.
// FAILED_PRECONDITION: something was pushed after `last`.
std::unique_ptr<AudioDecoder> NewCodecStream(std::shared_ptr<const Codec> network,
                                             std::shared_ptr<DeviceStream> stream);

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_CODEC_H_
