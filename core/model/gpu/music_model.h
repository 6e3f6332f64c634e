// VidMuse in plain ATen on one device: a GPU, or the CPU, where tests run the same code. This
// header needs no Torch.
#ifndef VIDMUSE_MODEL_GPU_MUSIC_MODEL_H_
#define VIDMUSE_MODEL_GPU_MUSIC_MODEL_H_

#include <memory>
#include <string>
#include <vector>

#include "core/model/conditioner/video_encoder.h"
#include "core/model/gpu/codec.h"
#include "core/model/gpu/slot_pool.h"
#include "core/model/gpu/step_graph.h"
#include "core/model/gpu/token_model.h"
#include "core/model/music_model.h"
#include "core/model/torch/device_stream.h"
#include "vidmuse/model_info.h"

namespace vidmuse {

// Each window occupies one slot; a new window takes the lowest free one. A step has the static
// shape of a bucket, which is a number of slots: 1, 2, 4, 8, ... It uses the smallest bucket that
// covers every slot in use. Where the device has graphs, each bucket is recorded once as a graph.
//
// Besides MusicModel's contract, it promises:
// - Prompts are fed one sequence step at a time, so feeding n steps at once equals n single steps.
// - What is drawn for a request doesn't depend on the others' data: nothing is read across slots,
//   linear layers always have the rows of all slots, and a slot's part of attention has the same
//   shape in every bucket.
// - On the CPU, results are the same bit for bit in every bucket and slot (tested).
// - On a GPU, results are the same bit for bit within one bucket if cuBLAS computes all rows of a
//   product alike, which it doesn't document. The library's attention kernels may differ between
//   buckets in the last bits. With `buckets` = {slots} there is only one bucket, at the cost of
//   reading idle slots' memory.
class GpuMusicModel final : public MusicModel {
 public:
  struct Parts {
    std::unique_ptr<const VideoEncoder> encoder;
    std::unique_ptr<gpu::TokenModel> network;
    std::shared_ptr<const gpu::Codec> codec;
  };

  // If `make_graph` is null, steps run operation by operation. `buckets` are ascending numbers of
  // slots; if empty, they are powers of two. The number of all slots is added if it is missing. If
  // a graph can't be recorded, info().step_graphs is 0, and steps run without graphs. Errors are
  // the device's.
  static absl::StatusOr<std::unique_ptr<GpuMusicModel>> Create(ModelInfo info, Parts parts,
                                                               const StepGraphMaker& make_graph,
                                                               std::vector<int> buckets = {});
  ~GpuMusicModel() override;

  const ModelInfo& info() const override { return info_; }
  const gpu::TokenModel& network() const { return *parts_.network; }
  const gpu::Codec& codec() const { return *parts_.codec; }
  // Says why steps don't run as graphs.
  std::string notice() const override { return std::string(graph_status_.message()); }

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

  static constexpr absl::Duration kSlotWait = absl::Seconds(20);

 private:
  struct HostBuffers;

  GpuMusicModel(ModelInfo info, Parts parts);
  absl::Status Prepare(std::vector<int> buckets);
  void RecordGraphs(const StepGraphMaker& make_graph);
  // Fills a piece's input `rows`: of each request, the step that is `left` steps before its last.
  int FillPiece(absl::Span<const StepRequest> requests, int left, double* rows) const;
  void FillSlotInput(const StepRequest& request, int step, double* row) const;
  void QueuePiece(int piece, int slots);
  absl::Status RunPieces(absl::Span<StepRequest> requests, bool logits);
  absl::Status Deliver(absl::Span<StepRequest> requests) const;

  // Constant after Create.
  ModelInfo info_;
  const Parts parts_;
  const std::shared_ptr<SlotPool> slots_;  // thread-safe; windows hold it too
  std::unique_ptr<DeviceStream> step_stream_, window_stream_;
  std::shared_ptr<DeviceStream> codec_stream_;
  std::vector<int> buckets_;
  absl::Status graph_status_;

  // Used by the device thread alone.
  std::vector<std::unique_ptr<StepGraph>> graphs_;  // one per bucket; null: runs without a graph
  std::unique_ptr<HostBuffers> host_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_GPU_MUSIC_MODEL_H_
