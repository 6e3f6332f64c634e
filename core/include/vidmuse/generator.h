// The core's front door: video in, music out, as a stream of events.
#ifndef VIDMUSE_GENERATOR_H_
#define VIDMUSE_GENERATOR_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "vidmuse/metrics_sink.h"
#include "vidmuse/types.h"

namespace vidmuse {

struct GeneratorOptions {
  std::string model_dir;         // state_dict.bin, compression_state_dict.bin
  std::string codec_dir;         // Hugging Face EnCodec; empty: model_dir/encodec_32khz
  std::string model_name;        // empty: the last part of model_dir
  std::string device = "auto";   // "auto", "cpu", "cuda" (every GPU), "cuda:0,cuda:1"
  std::string precision;         // empty: the device's best that holds quality
  // Cores are those that this process may use: its affinity and its control group's limit count.
  int device_threads = 0;        // threads of a decoding step; 0: one a core
  int video_threads = 0;         // videos decoded at once; 0: one a core
  int encode_threads = 0;        // threads that encode video frames; 0: one a core
  int codec_threads = 0;         // streams whose audio is decoded at once; 0: one a core
  // "required", "best_effort": without the system call filter where the kernel has none, "off":
  // videos are decoded in this process.
  std::string video_sandbox = "required";
  // Memory for running requests, a device; 0: half of what is free at start, but at least what one
  // request takes; on a GPU what max_batch requests take.
  uint64_t max_kv_bytes = 0;
  Limits limits;
  // For a reader to take an event while more waits for it than Limits::max_stream_buffer_bytes; then
  // its stream ends, and its memory is freed.
  double send_timeout_seconds = 600;
  // A stream on which nothing was sent for so long tells where its request stands.
  double progress_seconds = 10;
  // Called by Generator::Create with what the operator should know, a line at a time.
  std::function<void(const std::string&)> warn;
  // Called by Generator::Create when the model is loaded, before its first step.
  std::function<void()> loaded;
};

// One request on its way. Destruction cancels it: the device stops working on it within one step and
// its memory is freed.
//
// The upload side (AppendVideo, FinishVideo) and the read side (Read) may be used by different
// threads; each side by one thread at a time. Cancel is thread-safe.
class MusicStream {
 public:
  // Receives the next event, or why the stream ended: after GenerationFinished or an error there is
  // nothing more to read.
  using ReadCallback = std::function<void(absl::StatusOr<StreamEvent>)>;

  virtual ~MusicStream() = default;

  // Hands over the next bytes of the video file.
  // INVALID_ARGUMENT: more than Limits::max_video_bytes. Any other error: why the stream ended.
  virtual absl::Status AppendVideo(absl::string_view bytes) = 0;

  // The video is complete: work begins.
  virtual absl::Status FinishVideo() = 0;

  // Calls `callback` exactly once: at once if an event is waiting, else later from a thread of the
  // generator's. At most one Read may be outstanding. The callback must not block, and must not
  // destroy the stream; one that throws ends the stream. Unread output is bounded: a slow reader
  // pauses its own request alone, and one that takes nothing for send_timeout_seconds gets
  // UNAVAILABLE: it may go on with `resume`.
  virtual void Read(ReadCallback callback) = 0;

  // Ends the stream with CANCELLED (or `reason`) if it has not ended yet. A song counts as made once
  // the stream is destroyed after GenerationFinished was read; Cancel before that tells that its
  // reader couldn't pass it on, and the request counts as ended by `reason`.
  virtual void Cancel(absl::Status reason = absl::CancelledError("cancelled by the caller")) = 0;
};

// Thread-safe. Streams must be gone before their generator is destroyed.
class Generator {
 public:
  // Loads the model and starts the threads. Errors name the file, the tensor or the option.
  static absl::StatusOr<std::unique_ptr<Generator>> Create(const GeneratorOptions& options,
                                                           MetricsSink* metrics);
  virtual ~Generator() = default;

  // Admits the request or refuses it at once:
  //   INVALID_ARGUMENT    an option out of range, a declared size or length over its limit
  //   RESOURCE_EXHAUSTED  the queue is full; RetryAfter() tells when to come back
  //   DEADLINE_EXCEEDED   too little time to make the music, or none
  //   UNAVAILABLE         draining, or no device works
  virtual absl::StatusOr<std::unique_ptr<MusicStream>> Submit(GenerationRequest request) = 0;

  virtual const ModelInfo& model_info() const = 0;
  virtual const Limits& limits() const = 0;

  // OK while every thread makes progress and a device works. A device is lost when a step fails for each
  // request alone and a step of the generator's own fails too; its requests end with UNAVAILABLE, and new
  // ones go to the other devices. It is tried every few seconds and used again if that succeeds, which
  // most errors of a GPU rule out: then only a new process helps.
  virtual absl::Status Health() const = 0;

  // From now on Submit refuses with UNAVAILABLE; what was admitted goes on.
  virtual void BeginDrain() = 0;
  // True once every admitted request has ended; false if `timeout` passed first.
  virtual bool WaitUntilIdle(absl::Duration timeout) = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_GENERATOR_H_
