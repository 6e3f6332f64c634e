// The conditioner's networks as plain ATen on a device. No Torch in this header.
#ifndef VIDMUSE_MODEL_TORCH_DEVICE_VIDEO_NETWORKS_H_
#define VIDMUSE_MODEL_TORCH_DEVICE_VIDEO_NETWORKS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/model/checkpoint/model_config.h"
#include "core/model/torch/device_stream.h"
#include "core/model/torch/device_tensors.h"
#include "core/model/torch/video_networks.h"

namespace vidmuse {

// float32, on a stream of its own. See VideoNetworks; each frame is a matrix of its own in every
// product, so that its place and its neighbours don't matter. `weight_bytes`: counted on the
// tensors; may be null. Called inside DeviceStream::Run.
absl::StatusOr<std::unique_ptr<const VideoNetworks>> LoadDeviceVideoNetworks(
    const LmConfig& config, DeviceReader& reader, std::shared_ptr<DeviceStream> stream,
    size_t* weight_bytes);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_DEVICE_VIDEO_NETWORKS_H_
