// A job takes one request through its stages: upload, video decoding, condition, tokens, audio and
// events.
//
// The video may be decoded while it is being uploaded (VideoUpload), which changes nothing but the
// time that kDecode takes.
//
// The video is decoded and encoded part by part. The first part, with the global frames and the
// first window's local ones, goes through the stages kDecode and kEncode. When a window is open,
// the frames that the next one needs besides are decoded and encoded, while tokens are made, and
// what only earlier windows needed is let go of. So a request holds a window's frames and about two
// windows' condition, however long its video is.
#ifndef VIDMUSE_GENERATOR_JOB_H_
#define VIDMUSE_GENERATOR_JOB_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/origin_mark.h"
#include "core/base/worker_pool.h"
#include "core/engine/audio_pipeline.h"
#include "core/engine/condition_source.h"
#include "core/engine/engine.h"
#include "core/engine/event_queue.h"
#include "core/engine/playback.h"
#include "core/engine/song.h"
#include "core/engine/window_plan.h"
#include "core/generator/admission.h"
#include "core/generator/device_set.h"
#include "core/generator/request_memory.h"
#include "core/generator/stage.h"
#include "core/model/architecture/video_frames.h"
#include "core/model/music_model.h"
#include "core/video/sound_decoder.h"
#include "core/video/video_reader.h"
#include "vidmuse/events.h"
#include "vidmuse/limits.h"
#include "vidmuse/metrics_sink.h"
#include "vidmuse/request.h"

namespace vidmuse {

using SoundDecoder = std::function<absl::StatusOr<DecodedSound>(
    absl::string_view file, const Limits& limits, const CancelFlag& cancel)>;

// What all jobs of one device share. Everything in it outlives the jobs.
struct JobContext {
  MusicModel* model = nullptr;
  VideoOpener open_video;
  SoundDecoder decode_sound;
  Limits limits;
  Origin origin;                                   // version and text
  absl::Duration send_timeout, progress_interval;  // see GeneratorOptions
  const Clock* clock = nullptr;
  MetricsSink* metrics = nullptr;
  Admission* admission = nullptr;
  Engine* engine = nullptr;
  std::atomic<int>* device_requests = nullptr;  // Device::requests
  WorkerPool* video_pool = nullptr;             // video file to frames
  WorkerPool* encode_pool = nullptr;            // frames to condition
  WorkerPool* codec_pool = nullptr;             // tokens to audio
};

// Backpressure from a slow reader delays only its own audio. Its tokens are still made and kept,
// 400 bytes per second of music, and are decoded to samples as the reader takes the events before
// them. Thread-safe, but only one thread at a time may upload the video.
class Job final : public std::enable_shared_from_this<Job> {
 public:
  // `request` was admitted with `memory`. The job leaves admission when it is destroyed, and gives
  // the memory back as soon as it doesn't need it any more.
  Job(const JobContext* context, GenerationRequest request, Reservation memory);
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  absl::Status AppendVideo(absl::string_view bytes);
  absl::Status FinishVideo();
  void Read(MusicStream::ReadCallback callback) { events_.Read(std::move(callback)); }
  // See MusicStream::Cancel. Work under way for the job stops soon.
  void Cancel(const absl::Status& reason);
  // To be called when the stream is destroyed. Cancels the job unless it has ended. No callback
  // runs once this returns.
  void Drop();

  // Ends the job if its deadline has passed, or if its reader has let audio wait for too long. If
  // not, sends progress when it is due. Must be called regularly.
  void CheckTime();

 private:
  // Calls SongPlaced, FramesMade and SongEnded. The engine holds it until the song has ended, and
  // it keeps the job alive for as long.
  class Listener;
  // Hands the song's condition to the engine, which holds it until the last window is open.
  class Source;
  using Task = void (Job::*)();
  // What PumpAudio is doing.
  enum class Pump {
    kNoAudio,  // there is no `audio_` yet
    kIdle,     // it has nothing to do
    kBusy,     // it is queued or running
    kStalled,  // it waits for the reader, because the event queue is full
  };

  // See SongListener.
  void SongPlaced();
  void FramesMade(int variant, absl::Span<const int32_t> tokens);
  void SongEnded(const absl::Status& status, const SongTimes& times);

  // See ConditionSource.
  void GetCondition(const WindowSpec& window, ConditionSource::Ready ready);
  void WindowOpened(const WindowSpec& window);

  // Each of these runs as a task of a pool.
  void DecodeVideo();
  void EncodeVideo();
  void DecodeMore();
  void EncodeMore();
  void PumpAudio();

  // Decodes GenerationRequest::prompt_audio to `prompt_`, if the song begins with it.
  absl::Status DecodePrompt();
  // Frames of the song that begin in `prompt_`.
  int64_t PromptFrames() const;
  // INVALID_ARGUMENT: the prompt is as long as the song.
  absl::Status CheckPrompt() const;
  // Makes the song's first frames of `prompt_`.
  absl::Status EncodePrompt();

  // Plans the song, reserves its memory and sends GenerationStarted.
  absl::Status StartSong();
  // A window was opened: makes the next one's condition, or lets go of what is left.
  void PrepareNextWindow();
  // Counts work for the next window, from `began` to now, as time of the stage `name`.
  void CountBeside(const char* name, absl::Duration began, double* seconds)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Goes on once the condition holds what the next window needs, or first has more frames decoded.
  void UseCondition();
  std::shared_ptr<SongListener> NewListener();
  // Gives the song to the engine.
  void AddSong() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Counts the upload, once, if its video is being decoded before all of it is there.
  void CountEarlyFrames() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t uploaded() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return upload_ == nullptr ? 0 : upload_->size();
  }
  absl::Status OpenUpload() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::unique_ptr<VideoReader>> FinishUpload() ABSL_LOCKS_EXCLUDED(mutex_);
  // Appends the next bytes to the upload.
  absl::Status Keep(absl::string_view bytes);
  // What PumpAudio does next.
  struct PumpInput {
    int variant = 0;
    std::vector<uint16_t> tokens;  // of the variant's next chunk
    bool finished = false;         // all chunks of all variants are sent
  };
  // Empty if PumpAudio has nothing to do now or must wait for the reader; `pump_` tells which.
  std::optional<PumpInput> TakePumpInput();
  // Sets how many frames the variant's next chunk needs.
  void UpdateWanted(int variant) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The variant that is furthest behind of those whose next chunk can be made, or -1.
  int NextToPump() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool AllSent() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Sets `frames_made_` to what all variants have.
  void CountFrames() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::unique_ptr<AudioPipeline>> NewPipeline(int variant) const;
  void SendChunk(AudioChunk chunk);
  // Tells the listener's clock what was sent of every variant, and the metrics what the listener
  // had left. Counts the stream, once, if that was nothing.
  void CountLead(absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SendFinished();
  // Called when the reader took an event.
  void OnTaken();
  // Queues PumpAudio if it is idle and has something to do.
  void SchedulePump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Runs `task` on `pool` unless the job has ended by then.
  void RunOn(WorkerPool* pool, Task task, TaskPriority priority = TaskPriority::kNormal)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void RunTask(Task task);
  // Frees the job's data if it has ended and no task is running that may use them.
  void FreeMemory() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The only way to change the stage. Counts the time of the stage that the job leaves as that
  // stage's, tells admission, and marks progress as due. Does nothing if the job has ended.
  void MoveTo(Stage next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool ended() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stage_ == Stage::kEnded; }
  // Tells the request's observer of a part of the way.
  void Observe(const StageTime& part) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (request_.observe_stage) request_.observe_stage(part);
  }
  GenerationProgress Progress() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Sends the reader a progress event if one is due.
  void SendProgress() ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends the job with an error, unless it has ended.
  void End(const absl::Status& error) ABSL_LOCKS_EXCLUDED(mutex_);
  // Moves to Stage::kEnded with `status`. Returns false if the job had ended before.
  bool MarkEnded(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  // Reports to the metrics, once, how the job ended. A finished song is reported only when its
  // reader has taken all of it, or has given up.
  void ReportEnd(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReportSuccess() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Reserves all memory that the song will take, now that its video is known.
  absl::Status ReserveSong();
  // Keeps the condition, which begins with local frame `first_local`, in place of the one before.
  // Admission counts what was reserved for it for as long as anyone holds it.
  absl::Status KeepCondition(std::shared_ptr<const VideoCondition> condition, int first_local);
  // Shrinks the reservation to what the job still holds of the video, frames not encoded included.
  void ShrinkVideo(uint64_t video_bytes);
  WindowCondition condition() const ABSL_LOCKS_EXCLUDED(mutex_);
  // The next window to be opened.
  const WindowSpec& next_window() const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Duration Now() const { return context_->clock->Monotonic(); }

  const JobContext* const context_;
  // Constant. The constructor moved `resume`'s tokens to `variants_` and `prompt_audio` to
  // `prompt_file_`.
  GenerationRequest request_;
  // Frames that came with `resume`, of each variant, and those that came of all. Variants are made
  // together, so what came of some only is made again.
  const std::vector<int64_t> received_frames_;
  const int64_t known_frames_;
  const absl::Duration submitted_;
  const absl::Duration deadline_;
  CancelFlag cancel_;  // told to whoever works for the job
  EventQueue events_;

  // What the listener hears. Null with kReference: the song isn't played while it is made.
  const std::shared_ptr<Playback> playback_;

  // These are handed from task to task.
  std::unique_ptr<VideoReader> video_;  // null once all frames are read that windows need
  VideoFrames frames_;                  // read and not encoded yet
  int local_read_ = 0;                  // local frames read, or passed over
  std::vector<float> prompt_;  // mono, at the model's rate; empty: the song begins with nothing
  std::vector<std::unique_ptr<AudioPipeline>> audio_;  // of each variant
  int64_t total_frames_ = 0;         // written under `mutex_`, by DecodeVideo alone
  std::vector<WindowSpec> windows_;  // written by DecodeVideo alone

  mutable Mutex mutex_;
  Reservation memory_ ABSL_GUARDED_BY(mutex_);      // without the condition's part
  RequestMemory reserved_ ABSL_GUARDED_BY(mutex_);  // what is reserved, part by part
  // Shared with whoever holds a condition. Null before the first one is made, and once the last
  // window is open.
  std::shared_ptr<Reservation> condition_memory_ ABSL_GUARDED_BY(mutex_);
  WindowCondition condition_ ABSL_GUARDED_BY(mutex_);
  size_t next_window_ ABSL_GUARDED_BY(mutex_) = 0;  // in `windows_`: the next one to be opened
  bool condition_ready_ ABSL_GUARDED_BY(mutex_) = false;   // `condition_` is enough for it
  ConditionSource::Ready wanted_ ABSL_GUARDED_BY(mutex_);  // the engine waits for the condition
  int tasks_running_ ABSL_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<VideoUpload> upload_ ABSL_GUARDED_BY(mutex_);  // null without bytes
  bool decoded_early_ ABSL_GUARDED_BY(mutex_) = false;           // counted as such already
  std::string prompt_file_ ABSL_GUARDED_BY(mutex_);
  Stage stage_ ABSL_GUARDED_BY(mutex_) = Stage::kUpload;
  Stage ended_in_ ABSL_GUARDED_BY(mutex_) = Stage::kUpload;  // the stage before kEnded
  absl::Duration stage_began_ ABSL_GUARDED_BY(mutex_);
  absl::Duration condition_taken_ ABSL_GUARDED_BY(mutex_);  // when the engine last got one
  absl::Duration placed_ ABSL_GUARDED_BY(mutex_);           // when the song got its place
  // When the first work on the audio began, and the last one ended.
  std::optional<absl::Duration> audio_began_ ABSL_GUARDED_BY(mutex_);
  absl::Duration audio_ended_ ABSL_GUARDED_BY(mutex_);
  bool progress_due_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration last_sent_ ABSL_GUARDED_BY(mutex_);  // when audio or progress was last sent
  SongId song_id_ ABSL_GUARDED_BY(mutex_) = 0;        // set with Stage::kQueue
  int64_t given_frames_ ABSL_GUARDED_BY(mutex_);      // that came with `resume` or are the prompt's
  int64_t frames_made_ ABSL_GUARDED_BY(mutex_);       // of every variant, given ones included
  // How far a variant is.
  struct Variant {
    std::vector<uint16_t> tokens;  // [n][codebooks]: complete frames of the song
    int64_t wanted_frames = 0;     // of the song, that the next chunk needs
    int64_t sent_samples = 0;
    bool sent = false;                         // the last chunk is made
    std::optional<absl::Duration> last_chunk;  // when it was sent
  };
  std::vector<Variant> variants_ ABSL_GUARDED_BY(mutex_);
  int64_t heard_samples_ ABSL_GUARDED_BY(mutex_) = 0;  // sent of every variant
  Pump pump_ ABSL_GUARDED_BY(mutex_) = Pump::kNoAudio;
  // When the stall began, or when the reader last took an event if that was later.
  absl::Duration stalled_since_ ABSL_GUARDED_BY(mutex_);
  bool reader_was_late_ ABSL_GUARDED_BY(mutex_) = false;  // stalled since the last chunk
  bool underrun_ ABSL_GUARDED_BY(mutex_) = false;         // counted as an underrun already
  StageSeconds seconds_ ABSL_GUARDED_BY(mutex_);
  std::optional<DeviceShare> device_share_ ABSL_GUARDED_BY(mutex_);  // set until tokens are made
  absl::Status end_ ABSL_GUARDED_BY(mutex_);                         // set with Stage::kEnded
  bool reported_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace vidmuse

#endif  // VIDMUSE_GENERATOR_JOB_H_
