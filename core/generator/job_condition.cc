// The part of a job that makes its song's condition, window by window, and has the engine make the
// song.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "core/generator/job.h"
#include "core/generator/variant_seed.h"

namespace vidmuse {
namespace {

// A condition with the reservation of its memory, so that admission counts it for as long as anyone
// holds it.
struct HeldCondition {
  std::shared_ptr<Reservation> memory;  // declared first, so that it outlives the condition
  std::shared_ptr<const VideoCondition> condition;
};

}  // namespace

class Job::Source final : public ConditionSource {
 public:
  explicit Source(std::shared_ptr<Job> job) : job_(std::move(job)) {}
  void Get(const WindowSpec& window, Ready ready) override {
    job_->GetCondition(window, std::move(ready));
  }
  void Opened(const WindowSpec& window) override { job_->WindowOpened(window); }

 private:
  const std::shared_ptr<Job> job_;
};

WindowCondition Job::condition() const {
  MutexLock lock(&mutex_);
  return condition_;
}

const WindowSpec& Job::next_window() const {
  MutexLock lock(&mutex_);
  return windows_[next_window_];
}

void Job::ShrinkVideo(uint64_t video_bytes) {
  MutexLock lock(&mutex_);
  reserved_.video = video_bytes;
  if (video_bytes == 0) reserved_.frames = 0;
  // Shrinking never fails.
  (void)memory_.Resize(reserved_.song + reserved_.video + reserved_.frames, MemoryUse::kSong);
}

absl::Status Job::KeepCondition(std::shared_ptr<const VideoCondition> condition, int first_local) {
  const auto held = std::make_shared<HeldCondition>();
  held->condition = std::move(condition);
  MutexLock lock(&mutex_);
  if (ended()) return end_;
  if (condition_memory_ == nullptr) {
    reserved_.condition = std::max<uint64_t>(reserved_.condition, held->condition->bytes());
    if (!reserved_.parts) reserved_.frames = 0;
    const uint64_t rest = reserved_.song + reserved_.video + reserved_.frames;
    RETURN_IF_ERROR(memory_.Resize(rest + reserved_.condition, MemoryUse::kCondition));
    condition_memory_ = std::make_shared<Reservation>(memory_.Split(reserved_.condition));
  }
  held->memory = condition_memory_;
  condition_.condition = std::shared_ptr<const VideoCondition>(held, held->condition.get());
  condition_.first_local = first_local;
  return absl::OkStatus();
}

void Job::EncodeVideo() {
  if (const absl::Status status = EncodePrompt(); !status.ok()) return End(status);
  {
    MutexLock lock(&mutex_);
    next_window_ = WindowOfFrame(windows_, given_frames_);
  }
  // A song that begins with given frames needs no video of the windows before. If it needs none of
  // this part, one frame is encoded with the global ones.
  const int first_local = std::min(next_window().first_local, local_read_ - 1);
  frames_.local.erase(frames_.local.begin(), frames_.local.begin() + first_local);
  absl::StatusOr<std::shared_ptr<const VideoCondition>> encoded =
      context_->model->EncodeVideo(frames_, cancel_);
  frames_ = {};
  if (absl::IsInternal(encoded.status())) context_->engine->Suspect();
  if (!encoded.ok()) return End(encoded.status());
  const absl::Status kept = KeepCondition(*std::move(encoded), first_local);
  if (!kept.ok()) return End(kept);
  UseCondition();
}

void Job::UseCondition() {
  const WindowCondition condition = this->condition();
  const int end = condition.first_local + condition.condition->local_frames();
  if (end < next_window().end_local()) {
    return RunOn(context_->video_pool, &Job::DecodeMore, TaskPriority::kUrgent);
  }
  ConditionSource::Ready wanted;
  {
    MutexLock lock(&mutex_);
    if (ended()) return;
    condition_ready_ = true;
    if (stage_ == Stage::kEncode) return AddSong();
    wanted = std::exchange(wanted_, nullptr);
    condition_taken_ = Now();
  }
  if (wanted) wanted(condition);
}

void Job::AddSong() {
  Song song;
  song.windows = windows_;
  song.condition = std::make_shared<Source>(shared_from_this());
  song.listener = NewListener();
  song.client_key = request_.client_key;
  song.playback = playback_;
  song.deadline = deadline_;
  song.cancel = cancel_;
  for (int v = 0; v < request_.variants; ++v) {
    SongVariant& variant = song.variants.emplace_back();
    variant.sampling = request_.sampling;
    variant.sampling.seed = VariantSeed(request_.sampling.seed, v);
    variant.known_tokens.assign(variants_[v].tokens.begin(), variants_[v].tokens.end());
  }
  MoveTo(Stage::kQueue);
  song_id_ = context_->engine->Add(std::move(song));
}

void Job::GetCondition(const WindowSpec& window, ConditionSource::Ready ready) {
  absl::StatusOr<WindowCondition> result;
  {
    MutexLock lock(&mutex_);
    if (ended()) {
      result = end_.ok() ? absl::CancelledError("the request has ended") : end_;
    } else if (next_window_ >= windows_.size() ||
               windows_[next_window_].first_frame != window.first_frame) {
      result = absl::InternalError("the condition of another window is next");
    } else if (condition_ready_) {
      result = condition_;
      condition_taken_ = Now();
    } else {
      wanted_ = std::move(ready);
      return;
    }
  }
  ready(std::move(result));
}

void Job::WindowOpened(const WindowSpec&) { RunTask(&Job::PrepareNextWindow); }

void Job::PrepareNextWindow() {
  WindowCondition old;
  {
    MutexLock lock(&mutex_);
    if (ended()) return;
    old = condition_;
    condition_ready_ = false;
    Observe({.name = "open_window",
             .began = condition_taken_,
             .ended = Now(),
             .window = static_cast<int>(next_window_)});
    if (++next_window_ == windows_.size()) {
      condition_ = {};
      condition_memory_ = nullptr;
      return;
    }
  }
  const int passed = next_window().first_local - old.first_local;
  if (passed > 0 && passed < old.condition->local_frames()) {
    absl::StatusOr<std::shared_ptr<const VideoCondition>> rest =
        context_->model->EncodeMore(*old.condition, passed, {}, cancel_);
    if (!rest.ok()) return End(rest.status());
    const absl::Status kept = KeepCondition(*std::move(rest), old.first_local + passed);
    if (!kept.ok()) return End(kept);
  }
  old = {};
  UseCondition();
}

void Job::CountBeside(const char* name, absl::Duration began, double* seconds) {
  const absl::Duration now = Now();
  *seconds += absl::ToDoubleSeconds(now - began);
  Observe({.name = name, .began = began, .ended = now, .window = static_cast<int>(next_window_)});
}

void Job::DecodeMore() {
  const absl::Duration began = Now();
  const WindowSpec& window = next_window();
  FramePart part;
  part.first = std::max(local_read_, window.first_local);
  part.count = window.end_local() - part.first;
  part.alignment = request_.alignment;
  absl::StatusOr<VideoFrames> frames = video_->Read(part, cancel_);
  if (!frames.ok()) return End(frames.status());
  frames_ = *std::move(frames);
  local_read_ = window.end_local();
  if (local_read_ >= LocalFramesNeeded(windows_)) {
    video_ = nullptr;
  } else {
    ShrinkVideo(video_->bytes());
  }
  {
    MutexLock lock(&mutex_);
    CountBeside("decode", began, &seconds_.decode);
  }
  RunOn(context_->encode_pool, &Job::EncodeMore, TaskPriority::kUrgent);
}

void Job::EncodeMore() {
  const absl::Duration began = Now();
  const WindowCondition old = condition();
  const int old_frames = old.condition->local_frames();
  const int passed = std::min(next_window().first_local - old.first_local, old_frames);
  const int first_local = passed < old_frames
                              ? old.first_local + passed
                              : local_read_ - static_cast<int>(frames_.local.size());
  absl::StatusOr<std::shared_ptr<const VideoCondition>> encoded =
      context_->model->EncodeMore(*old.condition, passed, frames_, cancel_);
  frames_ = {};
  if (video_ == nullptr) ShrinkVideo(0);
  if (absl::IsInternal(encoded.status())) context_->engine->Suspect();
  if (!encoded.ok()) return End(encoded.status());
  const absl::Status kept = KeepCondition(*std::move(encoded), first_local);
  if (!kept.ok()) return End(kept);
  {
    MutexLock lock(&mutex_);
    CountBeside("encode", began, &seconds_.encode);
  }
  UseCondition();
}

}  // namespace vidmuse
