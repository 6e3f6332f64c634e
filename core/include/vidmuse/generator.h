// The core's entry point: turns a video into music, delivered as a stream of events.
#ifndef VIDMUSE_GENERATOR_H_
#define VIDMUSE_GENERATOR_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "vidmuse/events.h"  // IWYU pragma: export
#include "vidmuse/limits.h"  // IWYU pragma: export
#include "vidmuse/metrics_sink.h"
#include "vidmuse/model_info.h"  // IWYU pragma: export
#include "vidmuse/request.h"     // IWYU pragma: export

namespace vidmuse {

struct GeneratorOptions {
  std::string model_dir;        // holds state_dict.bin and compression_state_dict.bin
  std::string codec_dir;        // Hugging Face EnCodec; empty: model_dir/encodec_32khz
  std::string model_name;       // empty: the last part of model_dir
  std::string device = "auto";  // "auto", "cpu", "cuda" (every GPU), "cuda:0,cuda:1"
  std::string precision;        // empty: the fastest on the device that keeps the quality
  // What files say of their origin, beside the model and the seed: the version of this program and
  // the operator's own words, at most 500 bytes of UTF-8 without control characters.
  std::string server_version;
  std::string origin_text;
  // "Core" below means a CPU that this process may use, by its affinity and its control group's
  // limit.
  // Threads of a decoding step; 0: one per core, but no more than have each 10 MB of weights to
  // read.
  int device_threads = 0;
  int video_threads = 0;   // videos decoded at once; 0: one per core
  int encode_threads = 0;  // threads that encode video frames; 0: one per core
  int codec_threads = 0;   // streams whose audio is decoded at once; 0: one per core
  // "required", "best_effort" (runs without the system call filter if the kernel has none) or "off"
  // (decodes videos in this process).
  std::string video_sandbox = "required";
  // Memory for running requests on each device. 0: half of what is free at start, but at least what
  // one request takes; on a GPU, what max_batch requests take.
  uint64_t max_kv_bytes = 0;
  Limits limits;
  // A stream with more than Limits::max_stream_buffer_bytes of unread output ends, and its memory
  // is freed, if its reader takes no event for this long.
  double send_timeout_seconds = 600;
  // A stream that is played while it is made, and is further ahead of its listener than this, gives
  // way to streams that have less. 86400, more than any song has: never.
  double stream_lead_seconds = 10;
  // A stream on which nothing was sent for this long reports its progress.
  double progress_seconds = 10;
  // Generator::Create calls it with each message for the operator, one line at a time.
  std::function<void(const std::string&)> warn;
  // Generator::Create calls it once the model is loaded, before the first step.
  std::function<void()> loaded;
};

// One request in progress. Destruction cancels it: the device stops working on it within one step
// and its memory is freed.
//
// The upload side (AppendVideo, FinishVideo) and the read side (Read) may run on different threads,
// but each side on only one thread at a time. Cancel is thread-safe.
class MusicStream {
 public:
  // Receives the next event, or the status with which the stream ended. Nothing can be read after
  // GenerationFinished or an error.
  using ReadCallback = std::function<void(absl::StatusOr<StreamEvent>)>;

  virtual ~MusicStream() = default;

  // Hands over the next bytes of the video file. Returns INVALID_ARGUMENT if they exceed
  // Limits::max_video_bytes, or the status with which the stream ended.
  virtual absl::Status AppendVideo(absl::string_view bytes) = 0;

  // Declares the video complete, which starts the work.
  virtual absl::Status FinishVideo() = 0;

  // Calls `callback` exactly once: immediately if an event is waiting, else later from one of the
  // generator's threads. At most one Read may be outstanding. The callback must not block and must
  // not destroy the stream; if it throws, the stream ends. Unread output is bounded: a slow reader
  // pauses only its own request, and one that takes nothing for send_timeout_seconds gets
  // UNAVAILABLE and may continue with `resume`.
  virtual void Read(ReadCallback callback) = 0;

  // Ends the stream with CANCELLED (or `reason`) if it has not ended yet. A song counts as made
  // when the stream is destroyed after GenerationFinished was read. Cancel before that means that
  // the reader couldn't pass the song on, and the request counts as ended by `reason`.
  virtual void Cancel(absl::Status reason = absl::CancelledError("cancelled by the caller")) = 0;
};

// Thread-safe. All streams must be destroyed before their generator.
class Generator {
 public:
  // Loads the model and starts the threads. Errors name the file, the tensor or the option.
  static absl::StatusOr<std::unique_ptr<Generator>> Create(const GeneratorOptions& options,
                                                           MetricsSink* metrics);
  virtual ~Generator() = default;

  // Admits the request, or refuses it immediately with:
  //   INVALID_ARGUMENT    an option out of range, or a declared size or length over its limit
  //   UNIMPLEMENTED       a prompt, for a model whose codec has no encoder
  //   RESOURCE_EXHAUSTED  the queue is full; RetryAfter() tells when to try again
  //   DEADLINE_EXCEEDED   the time limit is too short to make the music
  //   UNAVAILABLE         the generator is draining, or no device works
  virtual absl::StatusOr<std::unique_ptr<MusicStream>> Submit(GenerationRequest request) = 0;

  virtual const ModelInfo& model_info() const = 0;
  virtual const Limits& limits() const = 0;

  // OK while every thread makes progress and at least one device works. A device is lost when a
  // step fails for each request alone and the generator's own test step fails too. Its requests
  // then end with UNAVAILABLE, and new ones go to the other devices. The device is tried every few
  // seconds and used again if that succeeds. Most GPU errors rule that out: then only a new process
  // helps.
  virtual absl::Status Health() const = 0;

  // Makes Submit refuse with UNAVAILABLE from now on; admitted requests continue.
  virtual void BeginDrain() = 0;
  // Returns true once every admitted request has ended, or false if `timeout` passes first.
  virtual bool WaitUntilIdle(absl::Duration timeout) = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_GENERATOR_H_
