// VidMuse as plain ATen on one device: a GPU, or the CPU, where tests run the same code. No Torch
// in this header.
#ifndef VIDMUSE_MODEL_TORCH_TORCH_MUSIC_MODEL_H_
#define VIDMUSE_MODEL_TORCH_TORCH_MUSIC_MODEL_H_

#include <memory>
#include <string>
#include <vector>

#include "core/model/music_model.h"
#include "core/model/torch/codec_network.h"
#include "core/model/torch/device_stream.h"
#include "core/model/torch/slot_pool.h"
#include "core/model/torch/step_graph.h"
#include "core/model/torch/token_network.h"
#include "core/model/torch/video_encoder.h"

namespace vidmuse {

// A window lives in one of `slots`. A step has the static shape of a bucket: 1, 2, 4, 8, ... slots,
// the smallest that holds every slot in use; new windows take the lowest free one. Each bucket is
// recorded once as a graph, where the device has graphs.
//
// What is promised, beside MusicModel's contract:
// - Prompts are fed one sequence step at a time, so n steps at once are n single steps.
// - Nothing is read across slots, linear layers always have the rows of all slots, and a slot's
// part of
//   attention has the same shape in every bucket. So what is drawn for a request doesn't depend on
//   the others' data.
// - On the CPU, results are the same bit for bit whatever the bucket and the slot (tested).
// - On a GPU they are within one bucket, as long as cuBLAS computes a product's rows alike, which
// it
//   doesn't document. Attention's library kernels may differ from bucket to bucket in the last
//   bits; with `buckets` = {slots} there is one bucket, at the cost of reading idle slots' memory.
class TorchMusicModel final : public MusicModel {
 public:
  struct Parts {
    std::unique_ptr<const VideoEncoder> encoder;
    std::unique_ptr<TokenNetwork> network;
    std::shared_ptr<const CodecNetwork> codec;
  };

  // `make_graph`: null: steps run operation by operation. Buckets below the number of slots,
  // ascending; empty: powers of two. If a graph can't be recorded, info().step_graphs says 0, and
  // steps run all the same. Errors: of the device.
  static absl::StatusOr<std::unique_ptr<TorchMusicModel>> Create(ModelInfo info, Parts parts,
                                                                 const StepGraphMaker& make_graph,
                                                                 std::vector<int> buckets = {});
  ~TorchMusicModel() override;

  const ModelInfo& info() const override { return info_; }
  const TokenNetwork& network() const { return *parts_.network; }
  const CodecNetwork& codec() const { return *parts_.codec; }
  // Why steps aren't graphs.
  std::string notice() const override { return std::string(graph_status_.message()); }

  absl::StatusOr<std::shared_ptr<const VideoCondition>> EncodeVideo(
      const VideoFrames& video, const CancelFlag& cancel) override;
  size_t ConditionBytes(int local_frames) const override;
  // The same for every window: a slot's.
  size_t WindowBytes(int local_frames, int steps) const override;
  size_t WindowMemory() const override;
  // Waits for a slot for up to kSlotWait, then RESOURCE_EXHAUSTED. INVALID_ARGUMENT: frames or
  // steps out of range.
  absl::StatusOr<std::unique_ptr<Window>> OpenWindow(const VideoCondition& condition,
                                                     int first_frame, int frame_count, int steps,
                                                     const CancelFlag& cancel) override;
  // See CpuMusicModel::Step.
  absl::Status Step(absl::Span<StepRequest> requests) override;
  absl::StatusOr<std::unique_ptr<AudioDecoder>> NewAudioDecoder() override;

  static constexpr absl::Duration kSlotWait = absl::Seconds(20);

 private:
  struct HostBuffers;

  TorchMusicModel(ModelInfo info, Parts parts);
  absl::Status Prepare(std::vector<int> buckets);
  void RecordGraphs(const StepGraphMaker& make_graph);
  // Fills one piece's inputs: each request's step that is `left` steps before its last one.
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

  // The device thread's.
  std::vector<std::unique_ptr<StepGraph>> graphs_;  // of each bucket; null: run it
  std::unique_ptr<HostBuffers> host_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_TORCH_MUSIC_MODEL_H_
