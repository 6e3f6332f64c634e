#include "core/generator/job.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/catch_exceptions.h"
#include "core/base/status_macros.h"
#include "core/generator/request_memory.h"
#include "vidmuse/model_info.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

std::vector<int64_t> ReceivedFrames(const GenerationRequest& request, const ModelInfo& model) {
  std::vector<int64_t> frames(request.variants, 0);
  for (size_t v = 0; request.resume && v < frames.size(); ++v) {
    const auto tokens = static_cast<int64_t>(request.resume->variants[v].tokens.size());
    frames[v] = tokens / model.codebooks;
  }
  return frames;
}

RequestPhase PhaseOf(Stage stage) {
  if (stage < Stage::kGenerate) return RequestPhase::kWaiting;
  return stage == Stage::kGenerate ? RequestPhase::kPlaced : RequestPhase::kDelivering;
}

// Where the time of a stage is counted, or null if it isn't: the engine measures what a song takes
// in kGenerate, and the rest is the reader's.
double* TimeOf(Stage stage, StageSeconds& seconds) {
  switch (stage) {
    case Stage::kUpload:
      return &seconds.upload;
    case Stage::kDecode:
      return &seconds.decode;
    case Stage::kEncode:
      return &seconds.encode;
    case Stage::kQueue:
      return &seconds.queue;
    case Stage::kGenerate:
    case Stage::kDeliver:
    case Stage::kEnded:
      break;
  }
  return nullptr;
}

}  // namespace

Job::Job(const JobContext* context, GenerationRequest request, Reservation memory)
    : context_(context),
      request_(std::move(request)),
      received_frames_(ReceivedFrames(request_, context->model->info())),
      known_frames_(*std::min_element(received_frames_.begin(), received_frames_.end())),
      submitted_(context->clock->Monotonic()),
      deadline_(submitted_ + request_.time_limit),
      events_(
          context->limits.max_stream_buffer_bytes, [this] { OnTaken(); },
          [this](const absl::Status& failure) { End(failure); }),
      playback_(request_.loudness == LoudnessMode::kReference ? nullptr
                                                              : std::make_shared<Playback>()),
      memory_(std::move(memory)),
      prompt_file_(std::exchange(request_.prompt_audio, {})),
      stage_began_(submitted_),
      last_sent_(submitted_),
      given_frames_(known_frames_),
      frames_made_(known_frames_) {
  device_share_.emplace(context->device_requests);
  variants_.resize(request_.variants);
  if (!request_.resume) return;
  for (size_t v = 0; v < variants_.size(); ++v) {
    std::vector<uint16_t>& tokens = variants_[v].tokens;
    tokens = std::exchange(request_.resume->variants[v].tokens, {});
    tokens.resize(known_frames_ * context->model->info().codebooks);
  }
}

Job::~Job() {
  MutexLock lock(&mutex_);
  device_share_.reset();  // before Leave, after which the generator may be destroyed
  condition_ = {};
  condition_memory_ = nullptr;
  memory_.Release();
  context_->admission->Leave(PhaseOf(stage_));
}

void Job::RunOn(WorkerPool* pool, Task task, TaskPriority priority) {
  // Nobody's videos wait behind all those of a client that sent many.
  const auto run = [self = shared_from_this(), task] { self->RunTask(task); };
  if (pool->Submit(run, priority, request_.client_key)) return;
  End(WithRetryAfter(absl::ResourceExhaustedError("too much work is queued"), absl::Seconds(5)));
}

void Job::RunTask(Task task) {
  {
    MutexLock lock(&mutex_);
    if (ended()) return;
    ++tasks_running_;
  }
  const absl::Status status = CatchExceptions(
      "a stage failed", [&] { (this->*task)(); }, OutOfMemoryForNow());
  if (!status.ok()) End(status);
  {
    MutexLock lock(&mutex_);
    --tasks_running_;
    FreeMemory();
  }
  SendProgress();
}

void Job::FreeMemory() {
  if (!ended() || tasks_running_ > 0) return;
  upload_ = nullptr;
  prompt_file_ = {};
  prompt_ = {};
  variants_ = {};
  video_ = nullptr;
  frames_ = {};
  audio_.clear();
  condition_ = {};
  condition_memory_ = nullptr;
  memory_.Release();
}

void Job::MoveTo(Stage next) {
  if (ended()) return;
  const Stage left = std::exchange(stage_, next);
  const absl::Duration now = Now();
  const absl::Duration took = now - std::exchange(stage_began_, now);
  if (double* time = TimeOf(left, seconds_)) *time += absl::ToDoubleSeconds(took);
  context_->admission->Move(PhaseOf(left), PhaseOf(next));
  Observe({.name = NameOf(left), .began = now - took, .ended = now});
  if (next == Stage::kEnded) {
    ended_in_ = left;
    if (audio_began_) {
      Observe({.name = "encode_audio",
               .began = *audio_began_,
               .ended = audio_ended_,
               .busy = absl::Seconds(seconds_.codec)});
    }
  }
  progress_due_ = true;
}

GenerationProgress Job::Progress() const {
  GenerationProgress progress;
  progress.stage = static_cast<GenerationStage>(stage_);
  progress.frames_made = frames_made_;
  progress.total_frames = total_frames_;
  if (stage_ == Stage::kQueue) {
    const QueuePlace place = context_->engine->PlaceOf(song_id_);
    progress.queue_position = place.position;
    progress.estimated_queue_seconds = place.seconds;
  }
  return progress;
}

void Job::SendProgress() {
  {
    MutexLock lock(&mutex_);
    if (!progress_due_ || ended()) return;
    progress_due_ = false;
    last_sent_ = Now();
    events_.SetProgress(Progress());
  }
  events_.Deliver();
}

void Job::CheckTime() {
  absl::Status status;
  {
    MutexLock lock(&mutex_);
    if (ended()) return;
    if (Now() - last_sent_ >= context_->progress_interval) progress_due_ = true;
    CountEarlyFrames();
    if (deadline_ <= Now()) {
      status = absl::DeadlineExceededError(
          absl::StrCat("the deadline passed in stage '", NameOf(stage_), "'"));
    } else if (pump_ == Pump::kStalled && Now() - stalled_since_ >= context_->send_timeout) {
      status = absl::UnavailableError(absl::StrCat("the reader took nothing for ",
                                                   absl::FormatDuration(context_->send_timeout),
                                                   " while audio waited"));
    }
  }
  if (!status.ok()) return End(status);
  SendProgress();
}

bool Job::MarkEnded(const absl::Status& status) {
  MutexLock lock(&mutex_);
  if (ended()) return false;
  MoveTo(Stage::kEnded);
  end_ = status;
  if (!status.ok()) ReportEnd(status);
  FreeMemory();
  return true;
}

void Job::End(const absl::Status& error) {
  if (!MarkEnded(error)) return;
  cancel_.Cancel();
  context_->engine->Wake();
  ConditionSource::Ready wanted;
  {
    MutexLock lock(&mutex_);
    wanted = std::exchange(wanted_, nullptr);
  }
  if (wanted) wanted(error);
  events_.Fail(error);
}

void Job::Cancel(const absl::Status& reason) {
  End(reason);
  MutexLock lock(&mutex_);
  ReportEnd(reason);
}

void Job::Drop() {
  const absl::Status dropped = absl::CancelledError("the stream was dropped");
  {
    MutexLock lock(&mutex_);
    if (ended() && events_.AllTaken()) ReportEnd(absl::OkStatus());
  }
  Cancel(dropped);
  events_.Fail(dropped);  // another thread may have ended the job and not told its reader yet
  events_.WaitForCallbacks();
}

}  // namespace vidmuse
