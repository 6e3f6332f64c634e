// The part of a job that turns tokens into audio, as fast as the reader takes it.
#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/status_macros.h"
#include "core/generator/job.h"
#include "core/generator/variant_seed.h"
#include "vidmuse/audio_format.h"
#include "vidmuse/events.h"

namespace vidmuse {

absl::StatusOr<std::unique_ptr<AudioPipeline>> Job::NewPipeline(int variant) const {
  AudioPipelineOptions options;
  options.format = request_.format;
  options.loudness = request_.loudness;
  options.total_frames = total_frames_;
  options.chunk_seconds = request_.chunk_seconds;
  options.return_tokens = request_.return_tokens;
  options.known_frames = received_frames_[variant];
  options.origin = context_->origin;
  options.origin.model = context_->model->info().name;
  options.origin.seed = VariantSeed(request_.sampling.seed, variant);
  if (request_.resume) {
    options.received_bytes = request_.resume->variants[variant].received_bytes;
  }
  ASSIGN_OR_RETURN(std::unique_ptr<AudioDecoder> decoder, context_->model->NewAudioDecoder());
  return AudioPipeline::Create(options, context_->model->info(), std::move(decoder));
}

void Job::UpdateWanted(int variant) {
  const AudioPipeline& audio = *audio_[variant];
  variants_[variant].wanted_frames = audio.frames_taken() + audio.frames_needed();
}

int Job::NextToPump() const {
  const int codebooks = context_->model->info().codebooks;
  int next = -1;
  for (int v = 0; v < request_.variants; ++v) {
    const Variant& variant = variants_[v];
    if (static_cast<int64_t>(variant.tokens.size()) < variant.wanted_frames * codebooks) continue;
    if (variant.sent) continue;
    if (next < 0 || variant.wanted_frames < variants_[next].wanted_frames) next = v;
  }
  return next;
}

bool Job::AllSent() const {
  return std::all_of(variants_.begin(), variants_.end(),
                     [](const Variant& variant) { return variant.sent; });
}

void Job::SchedulePump() {
  if (pump_ != Pump::kIdle || ended()) return;
  // The device thread sends nothing to readers, so the pump sends progress that is due, too.
  if (NextToPump() < 0 && stage_ != Stage::kDeliver && !progress_due_) return;
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

std::optional<Job::PumpInput> Job::TakePumpInput() {
  const int codebooks = context_->model->info().codebooks;
  MutexLock lock(&mutex_);
  if (!events_.HasRoom()) {
    pump_ = Pump::kStalled;
    stalled_since_ = Now();
    reader_was_late_ = true;
    return std::nullopt;
  }
  PumpInput input;
  input.finished = AllSent() && stage_ == Stage::kDeliver;
  if (input.finished && !ended()) return input;
  input.variant = ended() ? -1 : NextToPump();
  if (input.variant < 0) {
    pump_ = Pump::kIdle;
    return std::nullopt;
  }
  const Variant& variant = variants_[input.variant];
  input.tokens.assign(variant.tokens.begin() + audio_[input.variant]->frames_taken() * codebooks,
                      variant.tokens.begin() + variant.wanted_frames * codebooks);
  return input;
}

// Makes one chunk and queues itself again, so that streams take turns.
void Job::PumpAudio() {
  SendProgress();
  const std::optional<PumpInput> input = TakePumpInput();
  if (!input) return;
  if (input->finished) return SendFinished();
  AudioPipeline& audio = *audio_[input->variant];
  const absl::Duration begin = Now();
  absl::StatusOr<std::optional<AudioChunk>> chunk = audio.Next(input->tokens);
  if (!chunk.ok()) return End(chunk.status());
  {
    MutexLock lock(&mutex_);
    audio_ended_ = Now();
    seconds_.codec += absl::ToDoubleSeconds(audio_ended_ - begin);
    if (!audio_began_) audio_began_ = begin;
  }
  if (*chunk) {
    (*chunk)->variant = input->variant;
    SendChunk(**std::move(chunk));
  }
  MutexLock lock(&mutex_);
  pump_ = Pump::kIdle;
  UpdateWanted(input->variant);
  variants_[input->variant].sent = audio.done();
  SchedulePump();
}

void Job::SendChunk(AudioChunk chunk) {
  // A header alone is no audio.
  if (!chunk.data.empty() && chunk.num_samples > 0) {
    const double audio_seconds =
        static_cast<double>(chunk.num_samples) / context_->model->info().sample_rate;
    MutexLock lock(&mutex_);
    const absl::Duration now = Now();
    Variant& variant = variants_[chunk.variant];
    variant.sent_samples = chunk.first_sample + chunk.num_samples;
    CountLead(now);
    if (seconds_.first_audio == 0) {
      seconds_.first_audio = absl::ToDoubleSeconds(now - submitted_);
      // With kReference, the first audio comes only when the whole song is made, so it isn't timed.
      if (request_.loudness != LoudnessMode::kReference) {
        context_->metrics->Observe(Histogram::kTimeToFirstAudioSeconds, seconds_.first_audio);
      }
      // A song that came with all its tokens was never placed.
      const absl::Duration began = placed_ > absl::ZeroDuration() ? placed_ : stage_began_;
      Observe({.name = "first_audio", .began = began, .ended = now});
    }
    if (variant.last_chunk) {
      context_->metrics->Observe(Histogram::kInterChunkSeconds,
                                 absl::ToDoubleSeconds(now - *variant.last_chunk));
    }
    variant.last_chunk = now;
    context_->metrics->Add(Counter::kAudioSeconds, audio_seconds);
  }
  {
    MutexLock lock(&mutex_);
    last_sent_ = Now();
  }
  events_.Push(std::move(chunk));
}

void Job::CountLead(absl::Duration now) {
  int64_t heard = variants_.front().sent_samples;
  for (const Variant& variant : variants_) heard = std::min(heard, variant.sent_samples);
  if (playback_ == nullptr || heard == heard_samples_) return;
  const auto length = [rate = context_->model->info().sample_rate](int64_t samples) {
    return samples * absl::Seconds(1) / rate;
  };
  const std::optional<absl::Duration> left =
      playback_->Deliver(now, length(heard - heard_samples_), length(heard));
  heard_samples_ = heard;
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
  finished.total_samples = audio_.front()->total_samples();
  finished.total_frames = total_frames_;
  for (const auto& audio : audio_) finished.loudness_lufs.push_back(audio->output_lufs());
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
