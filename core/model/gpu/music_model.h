// VidMuse in plain ATen on one device: a GPU, or the CPU, where tests run the same code. This
// header needs no Torch.
#ifndef VIDMUSE_MODEL_GPU_MUSIC_MODEL_H_
#define VIDMUSE_MODEL_GPU_MUSIC_MODEL_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/model/conditioner/video_encoder.h"
#include "core/model/gpu/codec.h"
#include "core/model/gpu/cuda_devices.h"
#include "core/model/gpu/slot_pool.h"
#include "core/model/gpu/step_graph.h"
#include "core/model/gpu/step_runner.h"
#include "core/model/gpu/token_model.h"
#include "core/model/music_model.h"
#include "core/model/torch/codec_encoder.h"
#include "core/model/torch/device_stream.h"
#include "vidmuse/model_info.h"

namespace vidmuse {

// What steps are made of.
struct StepMakers {
  // Null: steps run operation by operation. If a graph can't be recorded, they do too, and
  // info().step_graphs is 0.
  StepGraphMaker graph;
  // Null: steps run by LibTorch's operations. If the kernels don't support the model or differ from
  // LibTorch in a check, they do too, and info().step_kernels is false.
  StepKernelsMaker kernels;
  // For LibTorch's operations: ascending numbers of slots; if empty, powers of two. The number of
  // all slots is added if it is missing.
  std::vector<int> buckets;
};

// Each window occupies one slot; a new window takes the lowest free one. A step has the static
// shape of a bucket (see SlotRunner and KernelRunner). Where the device has graphs, each bucket is
// recorded once as a graph.
//
// Besides MusicModel's contract:
// - With this project's kernels, results are the same bit for bit in every bucket, slot and
// company,
//   and whether steps are fed one by one or at once.
// - With LibTorch's operations, prompts are fed one sequence step at a time, and nothing is read
//   across slots. On the CPU, results are the same bit for bit in every bucket and slot (tested).
//   On a GPU they are within one bucket if cuBLAS computes all rows of a product alike, which it
//   doesn't document; its attention kernels may differ between buckets in the last bits. With
//   `buckets` = {slots} there is only one bucket, at the cost of reading idle slots' memory.
class GpuMusicModel final : public MusicModel {
 public:
  struct Parts {
    std::unique_ptr<const VideoEncoder> encoder;
    std::unique_ptr<gpu::TokenModel> network;
    std::shared_ptr<const gpu::Codec> codec;
    std::unique_ptr<const CodecEncoder> codec_encoder;  // null: the checkpoint has none
  };

  // Errors are the device's.
  static absl::StatusOr<std::unique_ptr<GpuMusicModel>> Create(ModelInfo info, Parts parts,
                                                               StepMakers makers);
  ~GpuMusicModel() override;

  const ModelInfo& info() const override { return info_; }
  // Called once, before anything else is.
  void SetFingerprint(std::string fingerprint) { info_.fingerprint = std::move(fingerprint); }
  const gpu::TokenModel& network() const { return *parts_.network; }
  const gpu::Codec& codec() const { return *parts_.codec; }
  // Says why steps don't run as graphs, or without kernels.
  std::string notice() const override { return notice_; }

  absl::StatusOr<std::shared_ptr<const VideoCondition>> EncodeVideo(
      const VideoFrames& video, const CancelFlag& cancel) override;
  absl::StatusOr<std::shared_ptr<const VideoCondition>> EncodeMore(
      const VideoCondition& condition, int first_frame, const VideoFrames& more,
      const CancelFlag& cancel) override;
  size_t ConditionBytes(int local_frames) const override;
  size_t ContinuationBytes() const override;
  // The bytes of a slot, the same for every window.
  size_t WindowBytes(int local_frames, int steps) const override;
  size_t WindowMemory() const override;
  // Waits up to kSlotWait for a slot. RESOURCE_EXHAUSTED: none became free. INVALID_ARGUMENT:
  // frames or steps are out of range.
  absl::StatusOr<std::unique_ptr<Window>> OpenWindow(const VideoCondition& condition,
                                                     int first_frame, int frame_count, int steps,
                                                     const CancelFlag& cancel) override;
  // See CpuMusicModel::Step.
  absl::Status Step(absl::Span<StepRequest> requests) override;
  absl::StatusOr<std::unique_ptr<AudioDecoder>> NewAudioDecoder() override;
  absl::StatusOr<std::vector<int32_t>> EncodeAudio(absl::Span<const float> samples,
                                                   const CancelFlag& cancel) override;

  static constexpr absl::Duration kSlotWait = absl::Seconds(20);

 private:
  GpuMusicModel(ModelInfo info, Parts parts);
  absl::Status Prepare(StepMakers makers);
  void UseKernels(const StepKernelsMaker& make_kernels);
  void Notice(const std::string& line);
  absl::Status RunSteps(absl::Span<const StepRequest> requests);
  absl::Status Deliver(absl::Span<StepRequest> requests) const;

  // Constant after Create.
  ModelInfo info_;
  const Parts parts_;
  const std::shared_ptr<SlotPool> slots_;  // thread-safe; windows hold it too
  std::unique_ptr<DeviceStream> step_stream_, window_stream_;
  std::shared_ptr<DeviceStream> codec_stream_;
  std::string notice_;

  // Used by the device thread alone.
  std::unique_ptr<gpu::StepRunner> runner_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_GPU_MUSIC_MODEL_H_
