// The conditioner's networks in plain ATen on a device. This header needs no Torch.
#ifndef VIDMUSE_MODEL_CONDITIONER_DEVICE_VIDEO_NETWORKS_H_
#define VIDMUSE_MODEL_CONDITIONER_DEVICE_VIDEO_NETWORKS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/model/architecture/model_config.h"
#include "core/model/conditioner/video_networks.h"
#include "core/model/torch/device_stream.h"
#include "core/model/torch/device_tensors.h"

namespace vidmuse {

// Loads networks that compute in float32 on `stream`. See VideoNetworks. Each frame is a matrix of
// its own in every product, so that its place and its neighbours don't matter. `weight_bytes`,
// which may be null, receives the sum of the tensors' sizes. Called inside DeviceStream::Run.
absl::StatusOr<std::unique_ptr<const VideoNetworks>> LoadDeviceVideoNetworks(
    const LmConfig& config, DeviceReader& reader, std::shared_ptr<DeviceStream> stream,
    size_t* weight_bytes);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CONDITIONER_DEVICE_VIDEO_NETWORKS_H_
