#include "core/model/gpu/load.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/status_macros.h"
#include "core/model/architecture/delay_pattern.h"
#include "core/model/architecture/positions.h"
#include "core/model/conditioner/device_video_networks.h"
#include "core/model/gpu/cuda_devices.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse {
namespace {

// Memory for activations, library workspaces and graphs. They took 1.1 GB on an H200.
constexpr uint64_t kScratchBytes = uint64_t{5} << 28;

// Checks that the token model, which takes most of the memory, fits. Called before it is loaded,
// but after everything else is, so that the error can say how much memory would be enough.
absl::Status CheckMemory(const std::string& device, const LmConfig& lm,
                         const gpu::TokenModelOptions& options) {
  if (device == "cpu") return absl::OkStatus();
  ASSIGN_OR_RETURN(const DeviceMemory memory, MemoryOf(device));
  const uint64_t weights = gpu::TokenModel::WeightBytes(lm, options);
  const uint64_t slots = gpu::TokenModel::SlotBytes(lm, options) * options.slots;
  if (weights + slots + kScratchBytes <= memory.free) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "device '", device, "' has ", memory.free >> 20, " MiB free of ", memory.total >> 20,
      "; the token model takes ", weights >> 20, " MiB, and ", slots >> 20, " MiB for ",
      options.slots, " requests at once (--max_batch), and ", kScratchBytes >> 20, " MiB beside"));
}

}  // namespace

std::string GpuArithmetic(const std::string& device, int slots) {
  const std::string steps = slots == 0 ? "kernels 1" : absl::StrCat(slots, " slots");
  const std::string torch = absl::StrCat(steps, ", LibTorch ", TorchVersion(), ", ");
  int index = 0;
  if (!absl::SimpleAtoi(absl::StripPrefix(device, "cuda:"), &index)) {
    return absl::StrCat(torch, device, " ", TorchCpuCapability());
  }
  const CudaHost& host = ThisHost();
  const CudaHost::Gpu& gpu = host.gpus[index];
  return absl::StrCat(torch, "CUDA ", host.runtime_version, ", ", gpu.name, ", ", gpu.capability);
}

absl::StatusOr<GpuMusicModel::Parts> LoadGpuModelParts(const ModelInfo& info, const LmConfig& lm,
                                                       WeightReader& lm_weights,
                                                       const CodecConfig& codec, CodecNames names,
                                                       WeightReader& codec_weights,
                                                       const GpuModelOptions& options) {
  SetExactMath();
  gpu::TokenModelOptions room;
  room.slots = options.slots;
  room.precision = options.precision;
  room.steps = SequenceSteps(info.window_seconds * info.frame_rate, info.codebooks);
  room.condition_tokens = info.window_seconds * kLocalFrameRate * kTokensPerFrame;

  using Priority = DeviceStream::Priority;
  // What this stream queues is finished before another stream uses it.
  ASSIGN_OR_RETURN(const auto loading, DeviceStream::Create(info.device, Priority::kNormal));
  ASSIGN_OR_RETURN(std::shared_ptr<DeviceStream> encoding,
                   DeviceStream::Create(info.device, Priority::kNormal));
  GpuMusicModel::Parts parts;
  std::unique_ptr<const VideoNetworks> networks;
  DeviceReader lm_reader(&lm_weights, info.device);
  DeviceReader codec_reader(&codec_weights, info.device);
  RETURN_IF_ERROR(loading->Run([&]() -> absl::Status {
    ASSIGN_OR_RETURN(networks, LoadDeviceVideoNetworks(lm, lm_reader, encoding, nullptr));
    ASSIGN_OR_RETURN(parts.codec, gpu::Codec::Load(codec, names, codec_reader));
    ASSIGN_OR_RETURN(parts.codec_encoder, CodecEncoder::Load(codec, names, codec_reader, encoding));
    return absl::OkStatus();
  }));
  ASSIGN_OR_RETURN(std::unique_ptr<VideoEncoder> encoder,
                   VideoEncoder::Create(std::move(networks), lm.dim, options.encode_threads));
  RETURN_IF_ERROR(CheckMemory(info.device, lm, room));
  RETURN_IF_ERROR(loading->Run([&]() -> absl::Status {
    ASSIGN_OR_RETURN(parts.network,
                     gpu::TokenModel::Load(lm, lm_reader, SinusoidalPositions(room.steps, lm.dim),
                                           encoder->null_condition(), room));
    return absl::OkStatus();
  }));
  parts.encoder = std::move(encoder);
  return parts;
}

}  // namespace vidmuse
