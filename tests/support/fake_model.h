// A MusicModel without weights. Its tokens and samples are hashes of exactly the inputs that may
// affect them. It checks the engine's calls, and it fails on command.
#ifndef VIDMUSE_TESTS_SUPPORT_FAKE_MODEL_H_
#define VIDMUSE_TESTS_SUPPORT_FAKE_MODEL_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/mutex.h"
#include "core/engine/condition_source.h"
#include "core/model/music_model.h"
#include "vidmuse/model_info.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse {

struct FakeConditionCounts {
  std::atomic<int> now{0}, most{0};
};

// Thread-safe in the same way as MusicModel.
class FakeModel final : public MusicModel {
 public:
  FakeModel();

  const ModelInfo& info() const override { return info_; }
  absl::StatusOr<std::shared_ptr<const VideoCondition>> EncodeVideo(
      const VideoFrames& video, const CancelFlag& cancel) override;
  // Fails unless the frames go on where those of `condition` end, or later if none of those is
  // kept.
  absl::StatusOr<std::shared_ptr<const VideoCondition>> EncodeMore(
      const VideoCondition& condition, int first_frame, const VideoFrames& more,
      const CancelFlag& cancel) override;
  size_t ConditionBytes(int) const override { return condition_bytes; }
  size_t ContinuationBytes() const override { return 0; }
  size_t WindowBytes(int local_frames, int steps) const override;
  absl::StatusOr<std::unique_ptr<Window>> OpenWindow(const VideoCondition& condition,
                                                     int first_frame, int frame_count, int steps,
                                                     const CancelFlag& cancel) override;
  absl::Status Step(absl::Span<StepRequest> requests) override;
  absl::StatusOr<std::unique_ptr<AudioDecoder>> NewAudioDecoder() override;
  // FakeTokens(samples)
  absl::StatusOr<std::vector<int32_t>> EncodeAudio(absl::Span<const float> samples,
                                                   const CancelFlag& cancel) override;

  // Called at the start of each Step with the batch. Step returns its status if that isn't OK.
  std::function<absl::Status(absl::Span<StepRequest>)> on_step;
  // The same for EncodeVideo, OpenWindow and AudioDecoder::Push.
  std::function<absl::Status()> on_encode, on_open, on_audio;
  // The same for EncodeMore with frames. Gets the number of the video's local frame that is the
  // first new one.
  std::function<absl::Status(int first_local)> on_encode_more;

  // Called at the start of EncodeAudio, which returns its status if that isn't OK.
  std::function<absl::Status()> on_prompt;
  void SetEncodesAudio(bool encodes) { info_.encodes_audio = encodes; }
  void SetFingerprint(std::string fingerprint) { info_.fingerprint = std::move(fingerprint); }

  // The size in bytes that each condition reports.
  size_t condition_bytes = 1000;

  int open_windows() const { return *open_windows_; }
  // Local frames of all conditions that are held, and the most there ever were.
  int condition_frames() const { return counts_->now; }
  int most_condition_frames() const { return counts_->most; }
  int64_t steps() const { return steps_; }

 private:
  ModelInfo info_;
  std::atomic<int64_t> steps_{0};
  std::shared_ptr<std::atomic<int>> open_windows_ = std::make_shared<std::atomic<int>>(0);
  std::shared_ptr<FakeConditionCounts> counts_ = std::make_shared<FakeConditionCounts>();
};

// A condition for `seconds` of video. Different seeds give different conditions.
std::shared_ptr<const VideoCondition> FakeCondition(int seconds, uint64_t seed,
                                                    size_t bytes = 1000);

// What FakeModel encodes samples to, [frames][codebooks].
std::vector<int32_t> FakeTokens(absl::Span<const float> samples);

// Frames that FakeModel encodes to FakeCondition(seconds, seed).
// Has the whole condition from the start.
class WholeCondition final : public ConditionSource {
 public:
  explicit WholeCondition(std::shared_ptr<const VideoCondition> condition)
      : condition_{std::move(condition), 0} {}
  void Get(const WindowSpec&, Ready ready) override { ready(condition_); }
  void Opened(const WindowSpec&) override {}

 private:
  const WindowCondition condition_;
};

// Frames that FakeModel encodes to FakeCondition(seconds, seed). They all differ.
VideoFrames FakeFrames(int seconds, uint64_t seed);

// The tokens [frames][codebooks] of a request that runs alone and feeds one sequence step at a
// time. Tests compare the engine's songs with it. Each window begins with the last `overlap` frames
// of the one before. `prompt`, [frames][codebooks], is the song's beginning. With
// Alignment::kTime, each window sees its own seconds.
std::vector<int32_t> FakeSong(int seconds, uint64_t video_seed, const SamplingOptions& sampling,
                              int overlap = 25, const std::vector<int32_t>& prompt = {},
                              Alignment alignment = Alignment::kReference);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_FAKE_MODEL_H_
