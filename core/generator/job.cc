#include "core/generator/job.h"

#include <exception>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace vidmuse {

Job::Job(const JobContext* context, GenerationRequest request)
    : context_(context),
      request_(std::move(request)),
      events_(context->limits.max_stream_buffer_bytes, [this] {
        MutexLock lock(&mutex_);
        if (stalled_) SchedulePump();
      }) {
  submitted = Now();
  deadline = submitted + request_.time_limit;
  sampling = request_.sampling;
  client_key = request_.client_key;
  stage_began_ = submitted;
  pumping_ = true;
  device_share_.emplace(context->device_requests);
  if (request_.resume) {
    tokens_ = request_.resume->tokens;
    known.assign(tokens_.begin(), tokens_.end());
  }
}

Job::~Job() {
  MutexLock lock(&mutex_);
  device_share_.reset();  // the generator may go once admission has let go
  context_->admission->Release(held_bytes_);
  context_->admission->Leave(phase_);
}

absl::Status Job::Hold(uint64_t bytes) {
  RETURN_IF_ERROR(context_->admission->Reserve(bytes));
  MutexLock lock(&mutex_);
  held_bytes_ += bytes;
  return absl::OkStatus();
}

void Job::ReleaseHeld(uint64_t bytes) {
  {
    MutexLock lock(&mutex_);
    held_bytes_ -= bytes;
  }
  context_->admission->Release(bytes);
}

absl::Status Job::AppendVideo(absl::string_view bytes) {
  absl::Status status;
  {
    MutexLock lock(&mutex_);
    if (ended_) return end_;
    if (upload_finished_) return absl::FailedPreconditionError("the video is complete already");
    if (upload_.size() + bytes.size() > context_->limits.max_video_bytes) {
      status = absl::InvalidArgumentError(absl::StrCat(
          "the video has more than ", upload_.size() + bytes.size() - 1,
          " bytes, over the limit max_video_bytes of ", context_->limits.max_video_bytes));
    }
  }
  if (status.ok()) status = Hold(bytes.size());
  if (!status.ok()) {
    End(status);
    return status;
  }
  context_->metrics->Add(Counter::kVideoBytes, static_cast<double>(bytes.size()));
  MutexLock lock(&mutex_);
  if (!ended_) upload_.append(bytes.data(), bytes.size());
  return end_;
}

absl::Status Job::FinishVideo() {
  {
    MutexLock lock(&mutex_);
    if (ended_) return end_;
    if (upload_finished_) return absl::FailedPreconditionError("the video is complete already");
    upload_finished_ = true;
  }
  EnterStage("queue", &StageSeconds::upload);
  RunOn(context_->video_pool, &Job::DecodeVideo);
  return absl::OkStatus();
}

void Job::RunOn(WorkerPool* pool, Stage stage) {
  if (pool->Submit([self = shared_from_this(), stage] { self->RunStage(stage); })) return;
  End(WithRetryAfter(absl::ResourceExhaustedError("too much work is queued"), absl::Seconds(5)));
}

void Job::RunStage(Stage stage) {
  {
    MutexLock lock(&mutex_);
    if (ended_) return;
  }
  try {
    (this->*stage)();
  } catch (const std::bad_alloc&) {
    End(WithRetryAfter(absl::ResourceExhaustedError("out of memory"), absl::Seconds(5)));
  } catch (const std::exception& error) {
    End(absl::InternalError(absl::StrCat("a stage failed: ", error.what())));
  }
}

void Job::EnterStage(const char* stage, double StageSeconds::*seconds) {
  MutexLock lock(&mutex_);
  const absl::Duration now = Now();
  seconds_.*seconds += absl::ToDoubleSeconds(now - stage_began_);
  stage_ = stage;
  stage_began_ = now;
}

void Job::DecodeVideo() {
  EnterStage("decode", &StageSeconds::queue);
  std::string file;
  {
    MutexLock lock(&mutex_);
    file = std::move(upload_);
    upload_.clear();
  }
  absl::StatusOr<VideoFrames> frames = context_->sample_video(
      file, context_->limits, static_cast<int>(request_.max_seconds), cancel);
  ReleaseHeld(file.size());
  file = {};
  if (!frames.ok()) return End(frames.status());
  frames_ = *std::move(frames);
  if (const absl::Status status = StartSong(); !status.ok()) return End(status);
  EnterStage("queue", &StageSeconds::decode);

  if (known_frames() < total_frames_) {
    RunOn(context_->encode_pool, &Job::EncodeVideo);
  } else {
    OnGenerated(absl::OkStatus());
  }
}

uint64_t Job::frame_bytes() const {
  uint64_t bytes = 0;
  for (const auto& frame : frames_.frames) bytes += frame.size();
  return bytes;
}

absl::Status Job::StartSong() {
  const ModelInfo& model = context_->model->info();
  windows = PlanWindows(frames_.seconds);
  total_frames_ = windows.back().end_frame();
  if (known_frames() > total_frames_) {
    return absl::InvalidArgumentError(absl::StrCat("resume.tokens holds ", known_frames(),
                                                   " frames, but the song has ", total_frames_));
  }
  RETURN_IF_ERROR(Hold(frame_bytes()));

  AudioPipelineOptions options;
  options.format = request_.format;
  options.loudness = request_.loudness;
  options.total_frames = total_frames_;
  options.chunk_seconds = request_.chunk_seconds;
  options.return_tokens = request_.return_tokens;
  options.known_frames = known_frames();
  if (request_.resume) options.received_bytes = request_.resume->received_bytes;
  ASSIGN_OR_RETURN(std::unique_ptr<AudioDecoder> decoder, context_->model->NewAudioDecoder());
  ASSIGN_OR_RETURN(audio_, AudioPipeline::Create(options, model, std::move(decoder)));

  GenerationStarted started;
  started.request_id = request_.request_id;
  started.model = model.name;
  started.sample_rate = model.sample_rate;
  started.channels = model.channels;
  started.format = request_.format;
  started.seed = request_.sampling.seed;
  started.total_samples = audio_->total_samples();
  started.total_frames = total_frames_;
  events_.Push(std::move(started));

  MutexLock lock(&mutex_);
  wanted_frames_ = audio_->frames_needed();
  pumping_ = false;
  SchedulePump();  // for what a resumed song has already
  return absl::OkStatus();
}

void Job::EncodeVideo() {
  EnterStage("encode", &StageSeconds::queue);
  absl::StatusOr<std::shared_ptr<const VideoCondition>> encoded =
      context_->model->EncodeVideo(frames_, cancel);
  const uint64_t bytes = frame_bytes();
  frames_ = {};
  ReleaseHeld(bytes);
  if (absl::IsInternal(encoded.status())) context_->engine->Suspect();
  if (!encoded.ok()) return End(encoded.status());
  condition = *std::move(encoded);
  if (const absl::Status held = Hold(condition->bytes()); !held.ok()) return End(held);
  EnterStage("queue", &StageSeconds::encode);
  context_->engine->Add(shared_from_this());
}

void Job::OnPlaced() {
  EnterStage("generate", &StageSeconds::queue);
  MutexLock lock(&mutex_);
  context_->admission->Move(phase_, RequestPhase::kPlaced);
  phase_ = RequestPhase::kPlaced;
}

void Job::OnFrames(int64_t, absl::Span<const int32_t> frames) {
  MutexLock lock(&mutex_);
  tokens_.insert(tokens_.end(), frames.begin(), frames.end());
  SchedulePump();
}

void Job::OnGenerated(const absl::Status& status) {
  {
    MutexLock lock(&mutex_);
    context_->admission->Move(phase_, RequestPhase::kDelivering);
    phase_ = RequestPhase::kDelivering;
    stage_ = "deliver";
    generated_ = true;
    device_share_.reset();
    seconds_.prefill = absl::ToDoubleSeconds(opening_seconds);
    seconds_.generate = absl::ToDoubleSeconds(step_seconds);
    if (status.ok()) SchedulePump();
  }
  if (!status.ok()) End(status);
}

void Job::SchedulePump() {
  const int64_t frames = static_cast<int64_t>(tokens_.size()) / context_->model->info().codebooks;
  if (pumping_ || ended_ || (frames < wanted_frames_ && !generated_)) return;
  // The pool's queue has room for every job that may live.
  pumping_ = context_->codec_pool->Submit(
      [self = shared_from_this()] { self->RunStage(&Job::PumpAudio); });
}

bool Job::TakePumpInput(std::vector<uint16_t>* tokens) {
  const int codebooks = context_->model->info().codebooks;
  MutexLock lock(&mutex_);
  stalled_ = !events_.HasRoom();
  stalled_since_ = Now();
  reader_was_late_ |= stalled_;
  const int64_t taken = audio_->frames_taken();
  wanted_frames_ = taken + audio_->frames_needed();
  const bool enough = static_cast<int64_t>(tokens_.size()) >= wanted_frames_ * codebooks;
  if (ended_ || stalled_ || !enough || (audio_->done() && !generated_)) {
    pumping_ = false;
    return false;
  }
  tokens->assign(tokens_.begin() + taken * codebooks, tokens_.begin() + wanted_frames_ * codebooks);
  return true;
}

// One chunk a turn, so that streams take turns.
void Job::PumpAudio() {
  std::vector<uint16_t> tokens;
  if (!TakePumpInput(&tokens)) return;
  if (audio_->done()) return SendFinished();
  const absl::Duration begin = Now();
  absl::StatusOr<std::optional<AudioChunk>> chunk = audio_->Next(tokens);
  if (!chunk.ok()) return End(chunk.status());
  {
    MutexLock lock(&mutex_);
    seconds_.codec += absl::ToDoubleSeconds(Now() - begin);
  }
  if (*chunk) SendChunk(**std::move(chunk));
  MutexLock lock(&mutex_);
  pumping_ = false;
  wanted_frames_ = audio_->frames_taken() + audio_->frames_needed();
  SchedulePump();
}

void Job::SendChunk(AudioChunk chunk) {
  if (!chunk.data.empty()) {
    const double audio_seconds =
        static_cast<double>(chunk.num_samples) / context_->model->info().sample_rate;
    MutexLock lock(&mutex_);
    const absl::Duration now = Now();
    CountUnderrun(now, audio_seconds);
    if (seconds_.first_audio == 0) {
      seconds_.first_audio = absl::ToDoubleSeconds(now - submitted);
      context_->metrics->Observe(Histogram::kTimeToFirstAudioSeconds, seconds_.first_audio);
    } else {
      context_->metrics->Observe(Histogram::kInterChunkSeconds,
                                 absl::ToDoubleSeconds(now - last_chunk_));
    }
    last_chunk_ = now;
    context_->metrics->Add(Counter::kAudioSeconds, audio_seconds);
  }
  events_.Push(std::move(chunk));
}

void Job::CountUnderrun(absl::Duration now, double audio_seconds) {
  // A song brought to its loudness as a whole isn't played while it is made.
  if (request_.loudness == LoudnessMode::kReference) return;
  const bool dry = seconds_.first_audio != 0 && now > plays_until_;
  if (dry && !reader_was_late_ && !std::exchange(underrun_, true)) {
    context_->metrics->Add(Counter::kStreamUnderruns, 1);
  }
  if (dry || seconds_.first_audio == 0) plays_until_ = now;
  plays_until_ += absl::Seconds(audio_seconds);
  reader_was_late_ = false;
}

void Job::SendFinished() {
  GenerationFinished finished;
  finished.total_samples = audio_->total_samples();
  finished.total_frames = total_frames_;
  finished.loudness_lufs = audio_->output_lufs();
  {
    MutexLock lock(&mutex_);
    seconds_.total = absl::ToDoubleSeconds(Now() - submitted);
    finished.seconds = seconds_;
  }
  // In this order: whoever takes the event may let go of the stream at once, which must not count
  // as cancelling.
  if (!MarkEnded(absl::OkStatus())) return;
  events_.Push(std::move(finished));
  events_.End(absl::OkStatus());
}

void Job::CheckTime(absl::Duration stall_limit) {
  absl::Status status;
  {
    MutexLock lock(&mutex_);
    if (ended_) return;
    if (deadline <= Now()) {
      status =
          absl::DeadlineExceededError(absl::StrCat("the deadline passed in stage '", stage_, "'"));
    } else if (stalled_ && Now() - stalled_since_ > stall_limit) {
      status = absl::DeadlineExceededError(absl::StrCat("the reader took nothing for ",
                                                        absl::FormatDuration(stall_limit),
                                                        " while audio waited"));
    }
  }
  if (!status.ok()) End(status);
}

bool Job::MarkEnded(const absl::Status& status) {
  MutexLock lock(&mutex_);
  if (ended_) return false;
  ended_ = true;
  end_ = status;
  upload_ = {};
  ReportEnd(status);
  return true;
}

void Job::End(const absl::Status& error) {
  if (!MarkEnded(error)) return;
  cancel.Cancel();
  context_->engine->Wake();
  events_.Fail(error);
}

void Job::Drop() {
  const absl::Status dropped = absl::CancelledError("the stream was dropped");
  End(dropped);
  events_.Fail(dropped);  // a job that ended this moment may not have told its reader
  events_.WaitForCallbacks();
}

void Job::ReportEnd(const absl::Status& status) {
  MetricsSink& metrics = *context_->metrics;
  metrics.Add(
      Counter::kRequests, 1,
      absl::StrCat(absl::StatusCodeToString(status.code()), "/", status.ok() ? "" : stage_));
  const double total = absl::ToDoubleSeconds(Now() - submitted);
  metrics.Observe(Histogram::kRequestSeconds, total);
  metrics.Observe(Histogram::kQueueSeconds, seconds_.queue);
  if (!status.ok()) {
    const char* cause = absl::IsCancelled(status)          ? "cancelled"
                        : absl::IsDeadlineExceeded(status) ? "deadline"
                                                           : "error";
    metrics.Add(Counter::kWastedTokens, static_cast<double>(tokens_.size() - known.size()), cause);
    return;
  }
  metrics.Observe(Histogram::kStageSeconds, seconds_.upload, "upload");
  metrics.Observe(Histogram::kStageSeconds, seconds_.decode, "decode");
  metrics.Observe(Histogram::kStageSeconds, seconds_.encode, "encode");
  metrics.Observe(Histogram::kStageSeconds, seconds_.prefill, "prefill");
  metrics.Observe(Histogram::kStageSeconds, seconds_.generate, "generate");
  metrics.Observe(Histogram::kStageSeconds, seconds_.codec, "codec");
  metrics.Observe(Histogram::kRealtimeFactor,
                  static_cast<double>(total_frames_) / kFrameRate / total);
}

}  // namespace vidmuse
