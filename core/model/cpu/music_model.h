// VidMuse on a CPU: the video encoder, the token model, the sampler and the codec as one
// MusicModel.
#ifndef VIDMUSE_MODEL_CPU_MUSIC_MODEL_H_
#define VIDMUSE_MODEL_CPU_MUSIC_MODEL_H_

#include <memory>
#include <vector>

#include "core/model/architecture/sampler.h"
#include "core/model/conditioner/chunk_pool.h"
#include "core/model/conditioner/video_encoder.h"
#include "core/model/cpu/codec.h"
#include "core/model/cpu/equal_frames.h"
#include "core/model/cpu/kv/kv_cache.h"
#include "core/model/cpu/thread_team.h"
#include "core/model/cpu/token_model.h"
#include "core/model/music_model.h"
#include "core/model/torch/codec_encoder.h"
#include "vidmuse/model_info.h"

namespace vidmuse {

class CpuMusicModel final : public MusicModel {
 public:
  // `device_threads` is the number of threads that run a step, the caller's included.
  // `encode_threads` run EncodeVideo and OpenWindow, for all calls together. `codec_encoder` may be
  // null. Throws std::bad_alloc.
  CpuMusicModel(ModelInfo info, std::unique_ptr<const VideoEncoder> encoder,
                std::unique_ptr<cpu::TokenModel> lm, std::shared_ptr<const cpu::Codec> codec,
                std::unique_ptr<const CodecEncoder> codec_encoder, int device_threads,
                int encode_threads);

  const ModelInfo& info() const override { return info_; }
  const cpu::TokenModel& token_model() const { return *lm_; }
  absl::StatusOr<std::shared_ptr<const VideoCondition>> EncodeVideo(
      const VideoFrames& video, const CancelFlag& cancel) override;
  absl::StatusOr<std::shared_ptr<const VideoCondition>> EncodeMore(
      const VideoCondition& condition, int first_frame, const VideoFrames& more,
      const CancelFlag& cancel) override;
  size_t ConditionBytes(int local_frames) const override;
  size_t ContinuationBytes() const override;
  size_t WindowBytes(int local_frames, int steps) const override;
  size_t WindowsBytes(int local_frames, int steps, int count) const override;
  // INVALID_ARGUMENT: frames or steps are out of range.
  absl::StatusOr<std::unique_ptr<Window>> OpenWindow(const VideoCondition& condition,
                                                     int first_frame, int frame_count, int steps,
                                                     const CancelFlag& cancel) override;
  // The windows share the condition's keys and values. A step in which they follow each other reads
  // them once for four of them.
  absl::StatusOr<std::vector<std::unique_ptr<Window>>> OpenWindows(
      const VideoCondition& condition, int first_frame, int frame_count, int steps, int count,
      const CancelFlag& cancel) override;
  // INVALID_ARGUMENT: a token is out of range, or there are more steps than the window holds.
  // INTERNAL: a logit isn't finite.
  absl::Status Step(absl::Span<StepRequest> requests) override;
  absl::StatusOr<std::unique_ptr<AudioDecoder>> NewAudioDecoder() override;
  // Runs on the caller's thread.
  absl::StatusOr<std::vector<int32_t>> EncodeAudio(absl::Span<const float> samples,
                                                   const CancelFlag& cancel) override;

 private:
  // Computes every layer's keys and values of a window's condition, on the pool's threads. `rows`
  // are those of all its frames, of which the distinct ones are kept.
  absl::Status Project(const float* rows, const cpu::DistinctFrames& distinct,
                       const CancelFlag& cancel, cpu::KvCache* cache);
  absl::Status Finish(StepRequest& request, size_t index, Sampler& sampler);

  // Constant after construction.
  const ModelInfo info_;
  const std::unique_ptr<const VideoEncoder> encoder_;
  const std::unique_ptr<cpu::TokenModel> lm_;
  const std::shared_ptr<const cpu::Codec> codec_;
  const std::unique_ptr<const CodecEncoder> codec_encoder_;  // null: the checkpoint has none
  ChunkPool pool_;                                           // thread-safe
  std::unique_ptr<cpu::KvCache> null_cross_;

  // Used by the device thread alone.
  cpu::ThreadTeam team_;
  std::vector<Sampler> samplers_;              // one for each thread of the team
  std::vector<cpu::SequenceInput> sequences_;  // the requests' conditional ones, then the null ones
  std::vector<float> logits_;                  // [requests][conditional, null][codebooks][card]
  std::vector<absl::Status> statuses_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CPU_MUSIC_MODEL_H_
