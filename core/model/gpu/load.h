// Loads a checkpoint onto a device as a model that is ready to run. This header needs no Torch.
#ifndef VIDMUSE_MODEL_GPU_LOAD_H_
#define VIDMUSE_MODEL_GPU_LOAD_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/architecture/model_config.h"
#include "core/model/checkpoint/weight_reader.h"
#include "core/model/gpu/music_model.h"
#include "vidmuse/model_info.h"

namespace vidmuse {

struct GpuModelOptions {
  DevicePrecision precision = DevicePrecision::kFp16;
  int slots = 8;
  int encode_threads = 1;  // number of chunks of video frames that are encoded at once
  StepMakers steps;
};

// Loads a model's parts onto `info.device`. Errors name the tensor. FAILED_PRECONDITION: the GPU's
// memory is too small; says how much it takes.
absl::StatusOr<GpuMusicModel::Parts> LoadGpuModelParts(const ModelInfo& info, const LmConfig& lm,
                                                       WeightReader& lm_weights,
                                                       const CodecConfig& codec, CodecNames names,
                                                       WeightReader& codec_weights,
                                                       const GpuModelOptions& options);

// Names what determines the order of sums in products: the libraries, the chip, and the number of
// slots where LibTorch's operations compute a step, since they always compute all of them. `slots`
// is 0 if this project's kernels compute it.
std::string GpuArithmetic(const std::string& device, int slots);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_GPU_LOAD_H_
