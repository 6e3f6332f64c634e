// EnCodec's encoder in plain ATen, for every device: it turns samples into tokens. This header
// needs no Torch.
//
// Source: "High Fidelity Neural Audio Compression" (Défossez et al., 2022), as audiocraft and
// transformers compute it.
#ifndef VIDMUSE_MODEL_TORCH_CODEC_ENCODER_H_
#define VIDMUSE_MODEL_TORCH_CODEC_ENCODER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/cancel.h"
#include "core/model/architecture/model_config.h"
#include "core/model/torch/device_stream.h"
#include "core/model/torch/device_tensors.h"

namespace vidmuse {

// Computes in float32. Immutable after Load; thread-safe.
class CodecEncoder {
 public:
  // The result is null if the file holds a decoder alone. Computes on `stream`. Called inside
  // DeviceStream::Run. Errors name the tensor.
  static absl::StatusOr<std::unique_ptr<const CodecEncoder>> Load(
      const CodecConfig& config, CodecNames names, DeviceReader& reader,
      std::shared_ptr<DeviceStream> stream);
  ~CodecEncoder();

  // `samples`: mono, at the codec's rate, at least one. The result is [frames][codebooks], with a
  // frame for every begun config.samples_per_frame() samples. The convolutions run over pieces of
  // kPieceFrames, so memory doesn't grow with the number of samples; the pieces overlap by as much
  // as a frame depends on, so that they make no difference. CANCELLED: `cancel` was set.
  absl::StatusOr<std::vector<int32_t>> Encode(absl::Span<const float> samples,
                                              const CancelFlag& cancel) const;

  static constexpr int64_t kPieceFrames = 50;

 private:
  struct Tensors;
  CodecEncoder(const CodecConfig& config, std::shared_ptr<DeviceStream> stream);
  absl::Status ReadTensors(CodecNames names, DeviceReader& reader);

  const CodecConfig config_;
  const std::shared_ptr<DeviceStream> stream_;
  const std::unique_ptr<Tensors> t_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_CODEC_ENCODER_H_
