// What the engine drives: a model as it sees it, whatever computes it. No Torch here.
#ifndef VIDMUSE_MODEL_MUSIC_MODEL_H_
#define VIDMUSE_MODEL_MUSIC_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/cancel.h"
#include "core/model/video_frames.h"
#include "vidmuse/types.h"

namespace vidmuse {

// What the model made of one video's frames: the cross-attention source of every local frame. A frame's
// part depends on that frame and the global frames alone, so windows choose frames from it. Immutable.
class VideoCondition {
 public:
  virtual ~VideoCondition() = default;
  virtual int local_frames() const = 0;
  virtual size_t bytes() const = 0;
};

// One request's memory in the model for one window: cross-attention keys and values of its frames, and
// the self-attention cache of the sequence steps fed so far, for the conditional and the null row.
// Freed by its destructor. Used by one thread at a time.
class Window {
 public:
  virtual ~Window() = default;
  virtual int length() const = 0;  // sequence steps in the cache
  virtual int capacity() const = 0;
};

// One request's part of a step. Feeding n sequence steps at once gives exactly what feeding them one
// by one would.
struct StepRequest {
  Window* window = nullptr;
  // [n][codebooks]: tokens of the next n sequence steps, special token = card where the pattern has none.
  // n >= 1; length() + n <= capacity().
  absl::Span<const int32_t> tokens;
  // How to draw the step after these, or null to only fill the cache.
  const SamplingOptions* sampling = nullptr;
  // Frame of the song that codebook 0 has in the drawn step; codebook k's is this minus k. It keys the
  // random numbers, so they don't depend on windows, batches or time.
  int64_t frame = 0;
  int32_t* next_tokens = nullptr;  // out, [codebooks]; needed where `sampling` is set
  float* logits = nullptr;         // out, optional: guided logits [codebooks][card] of the last step fed
};

// Codec state of one stream: tokens in, samples out, in pieces that add up to exactly what decoding
// all at once gives. Used by one thread at a time.
class AudioDecoder {
 public:
  virtual ~AudioDecoder() = default;
  // `tokens`: [frames][codebooks]; appends the samples (mono, float) that are final now to `samples`.
  // With `last`, the rest too; nothing may be pushed after it.
  virtual absl::Status Push(absl::Span<const int32_t> tokens, bool last,
                            std::vector<float>* samples) = 0;
};

// Thread-safe but for Step. Every method's result depends on its arguments alone, bit for bit: never on
// other requests, on batching or on timing.
class MusicModel {
 public:
  virtual ~MusicModel() = default;

  virtual const ModelInfo& info() const = 0;
  // What the operator should know: why something is slower than it could be; empty: nothing.
  virtual std::string notice() const { return ""; }

  // CANCELLED soon after `cancel` is set.
  virtual absl::StatusOr<std::shared_ptr<const VideoCondition>> EncodeVideo(
      const VideoFrames& video, const CancelFlag& cancel) = 0;

  // Bytes that the condition of a video with so many local frames holds, before it is encoded:
  // VideoCondition::bytes().
  virtual size_t ConditionBytes(int local_frames) const = 0;

  // Bytes that a window of this size holds, before it is opened.
  virtual size_t WindowBytes(int local_frames, int steps) const = 0;

  // Bytes that are set aside for windows; 0: windows take the machine's memory as they are opened.
  virtual size_t WindowMemory() const { return 0; }

  // A window over local frames [first_frame, first_frame + frame_count) with room for `steps` sequence
  // steps. Projects the condition's keys and values: as long as hundreds of steps, so never called on the
  // device thread. RESOURCE_EXHAUSTED: out of memory.
  virtual absl::StatusOr<std::unique_ptr<Window>> OpenWindow(const VideoCondition& condition,
                                                             int first_frame, int frame_count,
                                                             int steps,
                                                             const CancelFlag& cancel) = 0;

  // Runs all requests' parts at once. Called by the device thread alone. An error concerns all
  // of them, and leaves their windows as they were.
  virtual absl::Status Step(absl::Span<StepRequest> requests) = 0;

  virtual absl::StatusOr<std::unique_ptr<AudioDecoder>> NewAudioDecoder() = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_MUSIC_MODEL_H_
