// The part of a job that turns tokens into audio, as fast as the reader takes it.
#include <algorithm>
#include <optional>
#include <utility>

#include "core/generator/job.h"
#include "vidmuse/audio_format.h"
#include "vidmuse/events.h"

namespace vidmuse {

void Job::SchedulePump() {
  if (pump_ != Pump::kIdle || ended()) return;
  // The device thread sends nothing to readers, so the pump sends progress that is due, too.
  if (frames_made_ < wanted_frames_ && stage_ != Stage::kDeliver && !progress_due_) return;
  // The pool's queue has room for one task of every job.
  const auto run = [self = shared_from_this()] { self->RunTask(&Job::PumpAudio); };
  const bool queued = context_->codec_pool->Submit(run, TaskPriority::kNormal, request_.client_key);
  if (queued) pump_ = Pump::kBusy;
}

void Job::OnTaken() {
  MutexLock lock(&mutex_);
  stalled_since_ = Now();
  if (pump_ != Pump::kStalled || !events_.HasRoom()) return;
  pump_ = Pump::kIdle;
  SchedulePump();
}

bool Job::TakePumpInput(std::vector<uint16_t>* tokens) {
  const int codebooks = context_->model->info().codebooks;
  MutexLock lock(&mutex_);
  const int64_t taken = audio_->frames_taken();
  wanted_frames_ = taken + audio_->frames_needed();
  if (!events_.HasRoom()) {
    pump_ = Pump::kStalled;
    stalled_since_ = Now();
    reader_was_late_ = true;
    return false;
  }
  const bool enough = static_cast<int64_t>(tokens_.size()) >= wanted_frames_ * codebooks;
  if (ended() || !enough || (audio_->done() && stage_ != Stage::kDeliver)) {
    pump_ = Pump::kIdle;
    return false;
  }
  tokens->assign(tokens_.begin() + taken * codebooks, tokens_.begin() + wanted_frames_ * codebooks);
  return true;
}

// Makes one chunk and queues itself again, so that streams take turns.
void Job::PumpAudio() {
  SendProgress();
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
  pump_ = Pump::kIdle;
  wanted_frames_ = audio_->frames_taken() + audio_->frames_needed();
  SchedulePump();
}

void Job::SendChunk(AudioChunk chunk) {
  // A header alone is no audio.
  if (!chunk.data.empty() && chunk.num_samples > 0) {
    const double audio_seconds =
        static_cast<double>(chunk.num_samples) / context_->model->info().sample_rate;
    MutexLock lock(&mutex_);
    const absl::Duration now = Now();
    CountLead(now, chunk);
    if (seconds_.first_audio == 0) {
      seconds_.first_audio = absl::ToDoubleSeconds(now - submitted_);
      // With kReference, the first audio comes only when the whole song is made, so it isn't timed.
      if (request_.loudness != LoudnessMode::kReference) {
        context_->metrics->Observe(Histogram::kTimeToFirstAudioSeconds, seconds_.first_audio);
      }
    } else {
      context_->metrics->Observe(Histogram::kInterChunkSeconds,
                                 absl::ToDoubleSeconds(now - last_chunk_));
    }
    last_chunk_ = now;
    context_->metrics->Add(Counter::kAudioSeconds, audio_seconds);
  }
  {
    MutexLock lock(&mutex_);
    last_sent_ = Now();
  }
  events_.Push(std::move(chunk));
}

void Job::CountLead(absl::Duration now, const AudioChunk& chunk) {
  if (playback_ == nullptr || chunk.num_samples == 0) return;
  const int sample_rate = context_->model->info().sample_rate;
  const absl::Duration length = chunk.num_samples * absl::Seconds(1) / sample_rate;
  const absl::Duration end =
      (chunk.first_sample + chunk.num_samples) * absl::Seconds(1) / sample_rate;
  const std::optional<absl::Duration> left = playback_->Deliver(now, length, end);
  if (left.has_value() && !reader_was_late_) {
    context_->metrics->Observe(Histogram::kStreamLeadSeconds,
                               std::max(0.0, absl::ToDoubleSeconds(*left)));
    if (*left < absl::ZeroDuration() && !std::exchange(underrun_, true)) {
      context_->metrics->Add(Counter::kStreamUnderruns, 1);
    }
  }
  reader_was_late_ = false;
}

void Job::SendFinished() {
  GenerationFinished finished;
  finished.total_samples = audio_->total_samples();
  finished.total_frames = total_frames_;
  finished.loudness_lufs = audio_->output_lufs();
  {
    MutexLock lock(&mutex_);
    seconds_.total = absl::ToDoubleSeconds(Now() - submitted_);
    finished.seconds = seconds_;
  }
  // The job is marked as ended first: a reader that takes the event may destroy the stream at once,
  // which must not count as cancelling.
  if (!MarkEnded(absl::OkStatus())) return;
  events_.Finish(finished);
}

}  // namespace vidmuse
