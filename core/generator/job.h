// One request's way: upload, video decoding, condition, tokens, audio, events.
#ifndef VIDMUSE_GENERATOR_JOB_H_
#define VIDMUSE_GENERATOR_JOB_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/worker_pool.h"
#include "core/engine/audio_pipeline.h"
#include "core/engine/engine.h"
#include "core/engine/event_queue.h"
#include "core/engine/generation.h"
#include "core/generator/admission.h"
#include "core/generator/device_set.h"
#include "core/generator/stage.h"
#include "core/model/music_model.h"
#include "core/model/video_frames.h"
#include "vidmuse/metrics_sink.h"
#include "vidmuse/types.h"

namespace vidmuse {

using VideoSampler = std::function<absl::StatusOr<VideoFrames>(
    absl::string_view file, const Limits& limits, int max_seconds, const CancelFlag& cancel)>;

// What all jobs share. Everything outlives the jobs.
struct JobContext {
  MusicModel* model = nullptr;
  VideoSampler sample_video;
  Limits limits;
  absl::Duration send_timeout, progress_interval;  // see GeneratorOptions
  const Clock* clock = nullptr;
  MetricsSink* metrics = nullptr;
  Admission* admission = nullptr;
  Engine* engine = nullptr;
  std::atomic<int>* device_requests = nullptr;  // of the device that runs `model`
  WorkerPool* video_pool = nullptr;             // decode
  WorkerPool* encode_pool = nullptr;            // frames to condition
  WorkerPool* codec_pool = nullptr;             // tokens to audio
};

// A slow reader holds up its own audio alone: tokens are made and kept (400 bytes a second of
// music), samples are made from them as the reader takes what is there. Thread-safe; the video's
// bytes come from one thread at a time.
class Job final : public Generation, public std::enable_shared_from_this<Job> {
 public:
  // `request` was admitted with `memory`: the job gives its place back when it is destroyed, and
  // its memory as soon as it doesn't need it.
  Job(const JobContext* context, GenerationRequest request, Reservation memory);
  ~Job() override;

  absl::Status AppendVideo(absl::string_view bytes);
  absl::Status FinishVideo();
  void Read(MusicStream::ReadCallback callback) { events_.Read(std::move(callback)); }
  // See MusicStream::Cancel. What is on its way for the job stops soon.
  void Cancel(const absl::Status& reason);
  // Nobody reads any more: cancels what has not ended; no callback runs once this returns.
  void Drop();

  // Ends the job if its deadline has passed, or its reader has let audio wait for too long. Called
  // every now and then.
  void CheckTime();

  // Generation, called by the device thread.
  void OnPlaced() override;
  void OnFrames(int64_t first_frame, absl::Span<const int32_t> frames) override;
  void OnGenerated(const absl::Status& status) override;

 private:
  using Task = void (Job::*)();

  // Each a task of a pool.
  void DecodeVideo();
  void EncodeVideo();
  void PumpAudio();

  // Plans the song and sends `started`.
  absl::Status StartSong();
  // Takes the next bytes of the video.
  absl::Status Keep(absl::string_view bytes);
  // Whether PumpAudio has something to do; if not, it is no longer on its way.
  bool TakePumpInput(std::vector<uint16_t>* tokens);
  void SendChunk(AudioChunk chunk);
  // `audio_seconds` are ready now.
  void CountUnderrun(absl::Duration now, double audio_seconds)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SendFinished();
  // The reader took an event.
  void OnTaken();
  void SchedulePump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Runs `task` on `pool` unless the job has ended by then.
  void RunOn(WorkerPool* pool, Task task) ABSL_LOCKS_EXCLUDED(mutex_);
  void RunTask(Task task);
  // Frees what the job has made, once it has ended and no task uses it.
  void FreeMemory() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The one way from stage to stage: charges the time since the last move to the stage that ends
  // here, tells admission, and has progress due. An ended job stays so.
  void MoveTo(Stage next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool ended() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stage_ == Stage::kEnded; }
  GenerationProgress Progress() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Tells the reader where the job stands, if that is due.
  void SendProgress() ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends the job with an error, unless it has ended.
  void End(const absl::Status& error) ABSL_LOCKS_EXCLUDED(mutex_);
  // False: it had ended before.
  bool MarkEnded(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  // Reports how the job ended to the metrics, once. A song that was made waits for its reader.
  void ReportEnd(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReportSuccess() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Reserves all that the song will take, now that its video is known.
  absl::Status ReserveSong();
  // Gives the condition its part of what was reserved, to hold for as long as it lives.
  absl::StatusOr<std::shared_ptr<const VideoCondition>> Hold(
      std::shared_ptr<const VideoCondition> condition);
  absl::Duration Now() const { return context_->clock->Monotonic(); }

  const JobContext* const context_;
  GenerationRequest request_;   // constant; `resume`'s tokens are the first of `tokens_` instead
  const int64_t known_frames_;  // that `resume` brought along
  EventQueue events_;

  // Handed from stage to stage.
  VideoFrames frames_;
  std::unique_ptr<AudioPipeline> audio_;
  int64_t total_frames_ = 0;  // written under `mutex_`, by DecodeVideo alone

  mutable Mutex mutex_;
  Reservation memory_ ABSL_GUARDED_BY(mutex_);       // without the condition's part
  uint64_t song_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // of `memory_`
  int tasks_running_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string upload_ ABSL_GUARDED_BY(mutex_);
  bool upload_finished_ ABSL_GUARDED_BY(mutex_) = false;
  Stage stage_ ABSL_GUARDED_BY(mutex_) = Stage::kUpload;
  Stage ended_in_ ABSL_GUARDED_BY(mutex_) = Stage::kUpload;  // the stage before kEnded
  absl::Duration stage_began_ ABSL_GUARDED_BY(mutex_);
  bool progress_due_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration last_sent_ ABSL_GUARDED_BY(mutex_);  // any event
  int64_t frames_made_ ABSL_GUARDED_BY(mutex_);       // those that `resume` brought along included
  std::vector<uint16_t> tokens_
      ABSL_GUARDED_BY(mutex_);  // [n][codebooks]: complete frames of the song
  int64_t wanted_frames_ ABSL_GUARDED_BY(mutex_) = 0;  // the next chunk can be made from so many
  bool generated_ ABSL_GUARDED_BY(mutex_) = false;
  bool pumping_ ABSL_GUARDED_BY(mutex_) =
      false;  // PumpAudio is on its way, or there is no audio_ yet
  bool stalled_ ABSL_GUARDED_BY(mutex_) = false;          // audio waits for the reader
  absl::Duration stalled_since_ ABSL_GUARDED_BY(mutex_);  // or the last event was taken
  absl::Duration last_chunk_ ABSL_GUARDED_BY(mutex_);
  // When a player that began with the first chunk has nothing left.
  absl::Duration plays_until_ ABSL_GUARDED_BY(mutex_);
  bool reader_was_late_ ABSL_GUARDED_BY(mutex_) = false;  // since the last chunk
  bool underrun_ ABSL_GUARDED_BY(mutex_) = false;         // this stream is counted
  StageSeconds seconds_ ABSL_GUARDED_BY(mutex_);
  std::optional<DeviceShare> device_share_ ABSL_GUARDED_BY(mutex_);  // until the tokens are made
  absl::Status end_ ABSL_GUARDED_BY(mutex_);                         // set with Stage::kEnded
  bool reported_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace vidmuse

#endif  // VIDMUSE_GENERATOR_JOB_H_
