#include "core/engine/scheduler.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"

namespace vidmuse {

absl::Duration SchedulerLoad::Delay() const {
  if (frames_per_second <= 0 || running + waiting < max_batch) return absl::ZeroDuration();
  return absl::Seconds(static_cast<double>(backlog_frames) / frames_per_second);
}

Scheduler::Scheduler(MusicModel* model, const SchedulerOptions& options, const Clock* clock,
                     MetricsSink* metrics, WindowOpener open_window)
    : model_(model),
      options_(options),
      clock_(clock),
      metrics_(metrics),
      open_window_(std::move(open_window)) {}

size_t Scheduler::KvBytes(const Generation& generation) const {
  size_t bytes = 0;
  for (const WindowSpec& window : generation.windows) {
    bytes =
        std::max(bytes, model_->WindowBytes(window.local_count,
                                            WindowSequence::Capacity(window.frames, codebooks())));
  }
  return bytes;
}

void Scheduler::Add(std::shared_ptr<Generation> generation) {
  const size_t bytes = KvBytes(*generation);
  if (bytes > options_.max_kv_bytes) {
    generation->OnGenerated(absl::ResourceExhaustedError(
        absl::StrCat("the request needs ", bytes, " bytes of KV cache, more than the ",
                     options_.max_kv_bytes, " this server has for all")));
    return;
  }
  waiting_.push_back({std::move(generation), bytes});
  ReportLoad();
}

absl::Status Scheduler::MustLeave(const Generation& generation) const {
  if (generation.cancel.cancelled()) return absl::CancelledError("cancelled");
  if (generation.deadline <= clock_->Monotonic()) {
    return absl::DeadlineExceededError("the deadline passed before the music was made");
  }
  return absl::OkStatus();
}

void Scheduler::DropLeavers() {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const absl::Status status = MustLeave(*it->generation);
    if (status.ok()) {
      ++it;
      continue;
    }
    it->generation->OnGenerated(status);
    it = waiting_.erase(it);
  }
  for (const auto& running : running_) {
    const absl::Status status = MustLeave(*running->generation);
    if (!status.ok()) Finish(*running, status);
  }
  std::erase_if(running_, [](const auto& running) { return running->generation == nullptr; });
}

void Scheduler::Place() {
  while (!waiting_.empty() && static_cast<int>(running_.size()) < options_.max_batch) {
    if (kv_bytes_ + waiting_.front().kv_bytes > options_.max_kv_bytes) break;
    auto running = std::make_unique<Running>();
    running->id = next_id_++;
    running->generation = std::move(waiting_.front().generation);
    running->kv_bytes = waiting_.front().kv_bytes;
    waiting_.pop_front();
    kv_bytes_ += running->kv_bytes;
    running->tokens = running->generation->known;
    running->next_frame = static_cast<int64_t>(running->tokens.size()) / codebooks();
    running->window_index = WindowOfFrame(running->generation->windows, running->next_frame);
    running->generation->OnPlaced();
    running_.push_back(std::move(running));
    OpenWindow(*running_.back());
  }
}

void Scheduler::OpenWindow(Running& running) {
  const WindowSpec& spec = running.spec();
  // The last window takes the condition along: nobody needs it any more once that is open.
  const bool last = &spec == &running.generation->windows.back();
  open_window_({running.id, running.generation,
                last ? std::move(running.generation->condition) : running.generation->condition,
                spec, WindowSequence::Capacity(spec.frames, codebooks())});
}

void Scheduler::WindowOpened(uint64_t id, absl::StatusOr<std::unique_ptr<Window>> window,
                             absl::Duration took) {
  const auto found = std::find_if(running_.begin(), running_.end(),
                                  [&](const auto& running) { return running->id == id; });
  if (found == running_.end()) return;  // it left meanwhile; the window is freed here
  Running& running = **found;
  if (!window.ok()) {
    Finish(running, window.status());
    running_.erase(found);
    return;
  }
  const WindowSpec& spec = running.spec();
  running.generation->opening_seconds += took;
  running.window = *std::move(window);
  running.sequence = std::make_unique<WindowSequence>(
      spec.frames, codebooks(), model_->info().card,
      absl::MakeConstSpan(running.tokens).subspan(spec.first_frame * codebooks()));
}

std::vector<StepRequest> Scheduler::BuildBatch(std::vector<Running*>* members) {
  for (const auto& running : running_) {
    if (running->window != nullptr) members->push_back(running.get());
  }
  int budget = members->size() == 1 ? options_.prefill_steps_alone : options_.prefill_steps;
  drawn_.assign(members->size() * codebooks(), 0);
  std::vector<StepRequest> batch;
  batch.reserve(members->size());
  // Arrival order: whoever came first is the nearest to running dry among those that still prefill.
  for (size_t i = 0; i < members->size(); ++i) {
    Running& running = *(*members)[i];
    WindowSequence& sequence = *running.sequence;
    const int extra = std::min(sequence.pending() - 1, budget);
    budget -= extra;
    StepRequest step;
    step.window = running.window.get();
    step.tokens = sequence.Next(1 + extra);
    if (1 + extra == sequence.pending()) {
      step.sampling = &running.generation->sampling;
      step.frame = running.spec().first_frame + sequence.drawn_frame();
      step.next_tokens = drawn_.data() + i * codebooks();
    }
    batch.push_back(step);
  }
  return batch;
}

absl::Status Scheduler::Step(std::vector<StepRequest>& batch) {
  try {
    return model_->Step(absl::MakeSpan(batch));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory in a decoding step");
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("a decoding step failed: ", error.what()));
  }
}

void Scheduler::StepOneByOne(std::vector<StepRequest>& batch,
                             const std::vector<Running*>& members) {
  for (size_t i = 0; i < batch.size(); ++i) {
    std::vector<StepRequest> alone = {batch[i]};
    const absl::Status status = Step(alone);
    if (status.ok()) {
      Advance(*members[i], batch[i]);
    } else {
      Finish(*members[i], status);
    }
  }
}

bool Scheduler::RunStep() {
  DropLeavers();
  Place();
  std::vector<Running*> members;
  std::vector<StepRequest> batch = BuildBatch(&members);
  if (batch.empty()) {
    ReportLoad();
    return false;
  }
  const absl::Duration begin = clock_->Monotonic();
  const absl::Status status = Step(batch);
  const absl::Duration took = clock_->Monotonic() - begin;
  int drawn = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    members[i]->generation->step_seconds += took;
    drawn += batch[i].sampling != nullptr;
  }
  if (status.ok()) {
    for (size_t i = 0; i < batch.size(); ++i) Advance(*members[i], batch[i]);
  } else {
    StepOneByOne(batch, members);
  }
  std::erase_if(running_, [](const auto& running) { return running->generation == nullptr; });

  const double seconds = absl::ToDoubleSeconds(took);
  metrics_->Observe(Histogram::kLmStepSeconds, seconds);
  metrics_->Observe(Histogram::kBatchSize, static_cast<double>(batch.size()));
  if (drawn > 0 && seconds > 0) {
    metrics_->Add(Counter::kTokens, static_cast<double>(drawn) * codebooks());
    const double rate = drawn / seconds;
    frames_per_second_ = frames_per_second_ == 0 ? rate : 0.98 * frames_per_second_ + 0.02 * rate;
  }
  ReportLoad();
  return true;
}

void Scheduler::Advance(Running& running, const StepRequest& step) {
  WindowSequence& sequence = *running.sequence;
  if (step.sampling == nullptr) {
    sequence.Fed(static_cast<int>(step.tokens.size()) / codebooks());
    return;
  }
  sequence.Drawn(absl::MakeConstSpan(step.next_tokens, codebooks()));
  const int64_t complete = running.spec().first_frame + sequence.complete_frames();
  if (complete > running.next_frame) {
    const size_t before = running.tokens.size();
    const int64_t first = running.next_frame;
    for (; running.next_frame < complete; ++running.next_frame) {
      sequence.AppendFrame(static_cast<int>(running.next_frame - running.spec().first_frame),
                           &running.tokens);
    }
    running.generation->OnFrames(first, absl::MakeConstSpan(running.tokens).subspan(before));
  }
  if (!sequence.done()) return;
  running.window = nullptr;
  running.sequence = nullptr;
  if (++running.window_index == static_cast<int>(running.generation->windows.size())) {
    Finish(running, absl::OkStatus());
  } else {
    OpenWindow(running);
  }
}

void Scheduler::Finish(Running& running, const absl::Status& status) {
  running.window = nullptr;
  running.sequence = nullptr;
  kv_bytes_ -= running.kv_bytes;
  std::exchange(running.generation, nullptr)->OnGenerated(status);
}

void Scheduler::Abort(const absl::Status& status) {
  for (const auto& running : running_) Finish(*running, status);
  running_.clear();
  for (const Waiting& waiting : waiting_) waiting.generation->OnGenerated(status);
  waiting_.clear();
  ReportLoad();
}

absl::Duration Scheduler::next_deadline() const {
  absl::Duration next = absl::InfiniteDuration();
  for (const Waiting& waiting : waiting_) next = std::min(next, waiting.generation->deadline);
  for (const auto& running : running_) next = std::min(next, running->generation->deadline);
  return next;
}

SchedulerLoad Scheduler::load() const {
  SchedulerLoad load;
  load.max_batch = options_.max_batch;
  load.running = static_cast<int>(running_.size());
  load.waiting = static_cast<int>(waiting_.size());
  load.kv_bytes = kv_bytes_;
  load.frames_per_second = frames_per_second_;
  for (const Waiting& waiting : waiting_) {
    load.backlog_frames += waiting.generation->windows.back().end_frame() -
                           static_cast<int64_t>(waiting.generation->known.size()) / codebooks();
  }
  for (const auto& running : running_) {
    load.backlog_frames += running->generation->windows.back().end_frame() - running->next_frame;
  }
  return load;
}

void Scheduler::ReportLoad() {
  metrics_->Set(Gauge::kRequestsRunning, static_cast<double>(running_.size()));
  metrics_->Set(Gauge::kKvCacheUsageRatio,
                options_.max_kv_bytes == 0
                    ? 0.0
                    : static_cast<double>(kv_bytes_) / static_cast<double>(options_.max_kv_bytes));
  metrics_->Set(Gauge::kEstimatedQueueDelaySeconds, absl::ToDoubleSeconds(load().Delay()));
}

}  // namespace vidmuse
