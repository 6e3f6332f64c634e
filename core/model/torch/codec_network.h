// EnCodec's decoder as plain ATen on a device: tokens to samples, in pieces. No Torch in this
// header.
#ifndef VIDMUSE_MODEL_TORCH_CODEC_NETWORK_H_
#define VIDMUSE_MODEL_TORCH_CODEC_NETWORK_H_

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "core/model/checkpoint/model_config.h"
#include "core/model/music_model.h"
#include "core/model/torch/device_stream.h"
#include "core/model/torch/device_tensors.h"

namespace vidmuse {

// How much of a stream's surroundings a sample needs.
struct CodecReach {
  // Samples at the end of a piece that frames to come still change.
  int lookahead_samples = 0;
  // LSTM frames before a piece with which the samples from `lookahead_samples` before it on are
  // right.
  int context_frames = 0;
};
CodecReach ReachOf(const CodecConfig& config);

// Immutable after Load; thread-safe.
class CodecNetwork {
 public:
  // Frames of a piece: as many are computed at once, always in the same places.
  static constexpr int kPieceFrames = 25;

  // `hugging_face`: how the checkpoint names the tensors; otherwise audiocraft's way. Errors name
  // the tensor.
  static absl::StatusOr<std::shared_ptr<const CodecNetwork>> Load(const CodecConfig& config,
                                                                  bool hugging_face,
                                                                  DeviceReader& reader);
  ~CodecNetwork();

  const CodecConfig& config() const { return config_; }
  const CodecReach& reach() const { return reach_; }
  size_t weight_bytes() const;  // counted on the tensors

 private:
  friend class CodecNetworkStream;
  friend class CodecNetworkLoader;
  struct Tensors;
  explicit CodecNetwork(const CodecConfig& config);

  const CodecConfig config_;
  const CodecReach reach_;
  const std::unique_ptr<Tensors> t_;
};

// See AudioDecoder. After N frames as many samples are out as of cpu::CodecStream.
//
// Pieces begin at multiples of kPieceFrames of the stream, and are computed with a fixed shape:
// those that aren't full yet with zeros behind, and again when more has come. So each sample is
// always computed in the same place of the same shape, and doesn't depend, bit for bit, on how the
// tokens came.
//
// INVALID_ARGUMENT: a token outside its codebook, part of a frame. FAILED_PRECONDITION: pushed
// after `last`.
std::unique_ptr<AudioDecoder> NewCodecStream(std::shared_ptr<const CodecNetwork> network,
                                             std::shared_ptr<DeviceStream> stream);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_CODEC_NETWORK_H_
