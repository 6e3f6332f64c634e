// The model as the engine sees it, whatever computes it. This header needs no Torch.
#ifndef VIDMUSE_MODEL_MUSIC_MODEL_H_
#define VIDMUSE_MODEL_MUSIC_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/cancel.h"
#include "core/base/status_macros.h"
#include "core/model/architecture/video_frames.h"
#include "vidmuse/model_info.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse {

// A stretch of an encoded video: the cross-attention source of some local frames, one after
// another. A frame's part depends on that frame and the global frames alone, so each window takes
// the frames that it needs, and a video can be encoded stretch by stretch. Immutable.
class VideoCondition {
 public:
  virtual ~VideoCondition() = default;
  // How many there are. They are counted from 0, wherever in the video the stretch begins.
  virtual int local_frames() const = 0;
  // The memory that it holds.
  virtual size_t bytes() const = 0;
};

// One request's KV cache for one window: the cross-attention keys and values of its frames, and the
// self-attention keys and values of the sequence steps fed so far, for the conditional and the null
// row. The destructor frees it. Used by one thread at a time.
class Window {
 public:
  virtual ~Window() = default;
  virtual int length() const = 0;  // sequence steps in the cache
  virtual int capacity() const = 0;
};

// One request's part of a step. Feeding n sequence steps at once gives exactly what feeding them
// one by one would.
struct StepRequest {
  Window* window = nullptr;
  // [n][codebooks]: the tokens of the next n sequence steps. Where the delay pattern has no token,
  // it is the special token, `card`. n >= 1; length() + n <= capacity().
  absl::Span<const int32_t> tokens;
  // How to draw the step after these, or null to only fill the cache.
  const SamplingOptions* sampling = nullptr;
  // The song's frame that codebook 0 has in the drawn step; codebook k has frame - k. It keys the
  // random numbers, so they don't depend on windows, batches or time.
  int64_t frame = 0;
  // Output, [codebooks]. Required if `sampling` is set.
  int32_t* next_tokens = nullptr;
  // Optional output, [codebooks][card]: the guided logits of the last step fed.
  float* logits = nullptr;
};

// One stream's codec state: it turns tokens into samples piece by piece. The pieces add up to
// exactly what decoding everything at once gives. Used by one thread at a time.
class AudioDecoder {
 public:
  virtual ~AudioDecoder() = default;
  // Takes `tokens`, [frames][codebooks], and appends the samples (mono, float) that are final now
  // to `samples`. With `last`, it appends the rest too, and nothing may be pushed afterwards.
  virtual absl::Status Push(absl::Span<const int32_t> tokens, bool last,
                            std::vector<float>* samples) = 0;
};

// Thread-safe except for Step. Every method's result depends on its arguments alone, bit for bit,
// never on other requests, batching or timing.
class MusicModel {
 public:
  virtual ~MusicModel() = default;

  virtual const ModelInfo& info() const = 0;
  // Tells the operator why something is slower than it could be. Empty if there is nothing to tell.
  virtual std::string notice() const { return ""; }

  // Encodes all local frames of `video`, at least one. If they are fewer than 2 * video.seconds,
  // they are a stretch of the video, and the result can be continued. Returns CANCELLED soon after
  // `cancel` is set.
  virtual absl::StatusOr<std::shared_ptr<const VideoCondition>> EncodeVideo(
      const VideoFrames& video, const CancelFlag& cancel) = 0;

  // Encodes more local frames of the video of `condition`, those of `more`, whose `global` isn't
  // used. The result begins with the local frames of `condition` from number `first_frame` on; the
  // new ones, of which there may be none, follow. It has the bits that EncodeVideo gives them.
  virtual absl::StatusOr<std::shared_ptr<const VideoCondition>> EncodeMore(
      const VideoCondition& condition, int first_frame, const VideoFrames& more,
      const CancelFlag& cancel) = 0;

  // Predicts VideoCondition::bytes() of a whole video with this many local frames, before it is
  // encoded.
  virtual size_t ConditionBytes(int local_frames) const = 0;

  // The most that the condition of a stretch takes besides, so that it can be continued.
  virtual size_t ContinuationBytes() const = 0;

  // Predicts the bytes that a window of this size will hold, before it is opened.
  virtual size_t WindowBytes(int local_frames, int steps) const = 0;

  // The same for `count` windows that are opened together.
  virtual size_t WindowsBytes(int local_frames, int steps, int count) const {
    return count * WindowBytes(local_frames, steps);
  }

  // Bytes that are reserved for windows. 0: windows take the machine's memory as they are opened.
  virtual size_t WindowMemory() const { return 0; }

  // Opens a window over local frames [first_frame, first_frame + frame_count) with room for `steps`
  // sequence steps. Projecting the condition's keys and values takes as long as hundreds of steps,
  // so this is never called on the device thread. RESOURCE_EXHAUSTED: out of memory.
  virtual absl::StatusOr<std::unique_ptr<Window>> OpenWindow(const VideoCondition& condition,
                                                             int first_frame, int frame_count,
                                                             int steps,
                                                             const CancelFlag& cancel) = 0;

  // Opens `count` >= 1 such windows over the same frames, for variants of a song. A model may have
  // them share the condition's keys and values. Each is what OpenWindow opens, bit for bit.
  virtual absl::StatusOr<std::vector<std::unique_ptr<Window>>> OpenWindows(
      const VideoCondition& condition, int first_frame, int frame_count, int steps, int count,
      const CancelFlag& cancel) {
    std::vector<std::unique_ptr<Window>> windows;
    for (int i = 0; i < count; ++i) {
      ASSIGN_OR_RETURN(std::unique_ptr<Window> window,
                       OpenWindow(condition, first_frame, frame_count, steps, cancel));
      windows.push_back(std::move(window));
    }
    return windows;
  }

  // Runs one step of all requests together. Called by the device thread alone. An error concerns
  // all requests and leaves their windows unchanged.
  virtual absl::Status Step(absl::Span<StepRequest> requests) = 0;

  virtual absl::StatusOr<std::unique_ptr<AudioDecoder>> NewAudioDecoder() = 0;

  // Encodes `samples`, mono at info().sample_rate, to tokens [frames][codebooks]: a frame for every
  // begun info().samples_per_frame samples. At least one sample. CANCELLED: `cancel` was set.
  // UNIMPLEMENTED: the codec has no encoder (see ModelInfo::encodes_audio).
  virtual absl::StatusOr<std::vector<int32_t>> EncodeAudio(absl::Span<const float> /*samples*/,
                                                           const CancelFlag& /*cancel*/) {
    return absl::UnimplementedError("the model's codec has no encoder, so it can't encode audio");
  }
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_MUSIC_MODEL_H_
