// The scheduler's steps: builds the batch, takes in the drawn tokens and handles failing devices.
#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/engine/probe.h"
#include "core/engine/scheduler.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

// Time between two probes of a lost device.
constexpr absl::Duration kProbeInterval = absl::Seconds(5);

// The share of a step's rows that patient songs have, even if streams need them all.
constexpr double kPatientRows = 1.0 / 8;

}  // namespace

std::vector<Scheduler::RunningSong*> Scheduler::ChooseMembers() {
  std::vector<RunningSong*> ready;
  for (const auto& running : running_) {
    if (running->window != nullptr) ready.push_back(running.get());
  }
  LeaveOut(&ready);
  sitting_out_ = 0;
  for (const auto& running : running_) {
    sitting_out_ += running->streaming() && (running->parked || running->window != nullptr);
  }
  for (const RunningSong* member : ready) sitting_out_ -= member->streaming();
  return ready;
}

void Scheduler::LeaveOut(std::vector<RunningSong*>* ready) {
  // While steps take longer than what they make is heard, songs that can wait don't make them even
  // longer, if any song can't wait.
  const bool slow = speed_.IsFresh(clock_->Monotonic()) && speed_.step_seconds * kFrameRate > 1;
  const auto places = static_cast<std::ptrdiff_t>(options_.max_batch);
  if (!slow && std::ssize(*ready) <= places) return;
  struct Row {
    Urgency urgency;
    size_t index;  // in `ready`
    bool operator<(const Row& other) const {
      return std::tie(urgency, index) < std::tie(other.urgency, other.index);
    }
  };
  std::vector<Row> rows;
  rows.reserve(ready->size());
  for (const RunningSong* song : *ready) rows.push_back({UrgencyOf(*song), rows.size()});
  std::sort(rows.begin(), rows.end());
  const auto from = [&rows](Urgency::Group group) {
    return std::find_if(rows.begin(), rows.end(),
                        [group](const Row& row) { return row.urgency.group >= group; });
  };
  const std::ptrdiff_t cannot_wait = from(Urgency::Group::kAhead) - rows.begin();
  const std::ptrdiff_t wanted = slow && cannot_wait > 0 ? cannot_wait : std::ssize(rows);
  const std::ptrdiff_t members = std::min(wanted, places);
  if (members == std::ssize(rows)) return;
  // Patient songs are the last rows. As many of them as are due come first instead.
  const auto patient = from(Urgency::Group::kPatient);
  patient_rows_ = std::min(patient_rows_ + static_cast<double>(members) * kPatientRows,
                           static_cast<double>(rows.end() - patient));
  const auto due = static_cast<std::ptrdiff_t>(patient_rows_);
  std::rotate(rows.begin(), patient, patient + due);
  rows.resize(slow ? std::min(members + due, places) : members);
  for (const Row& row : rows) patient_rows_ -= row.urgency.group == Urgency::Group::kPatient;
  patient_rows_ = std::max(patient_rows_, 0.0);
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.index < b.index; });
  std::vector<RunningSong*> chosen;
  chosen.reserve(rows.size());
  for (const Row& row : rows) chosen.push_back((*ready)[row.index]);
  *ready = std::move(chosen);
}

std::vector<StepRequest> Scheduler::BuildBatch(const std::vector<RunningSong*>& members) {
  std::vector<int> counts(members.size(), 1);  // sequence steps that each member feeds
  int budget = members.size() == 1 ? options_.prefill_steps_alone : options_.prefill_steps;
  // Songs that are streaming already get their prompt steps first, then the others. Within each
  // group, those placed earlier come first.
  for (const bool streaming : {true, false}) {
    for (size_t i = 0; i < members.size(); ++i) {
      if (members[i]->streaming() != streaming) continue;
      const int extra = std::min(members[i]->sequence->pending() - 1, budget);
      budget -= extra;
      counts[i] += extra;
    }
  }
  drawn_.assign(members.size() * codebooks(), 0);
  std::vector<StepRequest> batch;
  batch.reserve(members.size());
  for (size_t i = 0; i < members.size(); ++i) {
    RunningSong& running = *members[i];
    WindowSequence& sequence = *running.sequence;
    StepRequest step;
    step.window = running.window.get();
    step.tokens = sequence.Next(counts[i]);
    if (counts[i] == sequence.pending()) {
      step.sampling = &running.song.sampling;
      step.frame = running.spec().first_frame + sequence.drawn_frame();
      step.next_tokens = drawn_.data() + i * codebooks();
    }
    batch.push_back(step);
  }
  return batch;
}

absl::Status Scheduler::Step(std::vector<StepRequest>& batch) {
  return CatchExceptions("a decoding step failed",
                         [&] { return model_->Step(absl::MakeSpan(batch)); });
}

void Scheduler::StepOneByOne(std::vector<StepRequest>& batch,
                             const std::vector<RunningSong*>& members) {
  std::vector<absl::Status> statuses;
  statuses.reserve(batch.size());
  bool works = false;
  for (const StepRequest& request : batch) {
    std::vector<StepRequest> alone = {request};
    statuses.push_back(Step(alone));
    works |= statuses.back().ok();
  }
  if (!works) {
    // The windows are useless now, and the probe needs memory.
    for (RunningSong* member : members) {
      member->sequence = nullptr;
      member->window = nullptr;
    }
    if (!Probe(statuses.front())) return;
  }
  for (size_t i = 0; i < batch.size(); ++i) {
    if (statuses[i].ok()) {
      Advance(*members[i], batch[i]);
    } else {
      Finish(*members[i], statuses[i]);
    }
  }
}

bool Scheduler::Probe(const absl::Status& reason) {
  suspect_ = false;
  const absl::Status status = ProbeModel(*model_);
  if (status.ok()) {
    device_ = absl::OkStatus();
    return true;
  }
  device_ = WithRetryAfter(
      absl::UnavailableError(absl::StrCat("the device fails at every step: ",
                                          reason.ok() ? status.message() : reason.message())),
      kProbeInterval);
  next_probe_ = clock_->Monotonic() + kProbeInterval;
  return false;
}

bool Scheduler::Recovers() {
  Abort(device_);
  return clock_->Monotonic() >= next_probe_ && Probe(absl::OkStatus());
}

bool Scheduler::RunStep() {
  const bool stepped = TryStep();
  load_ = MeasureLoad();
  ReportLoad();
  return stepped;
}

bool Scheduler::TryStep() {
  if (!device_.ok() && !Recovers()) return false;
  DropLeavers();
  Place();
  OpenAhead();
  const std::vector<RunningSong*> members = ChooseMembers();
  std::vector<StepRequest> batch = BuildBatch(members);
  if (batch.empty()) {
    if (suspect_ && running_.empty()) Probe(absl::OkStatus());
    return !device_.ok();
  }
  const absl::Duration begin = clock_->Monotonic();
  const absl::Status status = Step(batch);
  const absl::Duration took = clock_->Monotonic() - begin;
  int drawn = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    members[i]->times.steps += took;
    drawn += batch[i].sampling != nullptr;
  }
  if (status.ok()) {
    suspect_ = false;
    for (size_t i = 0; i < batch.size(); ++i) Advance(*members[i], batch[i]);
    ReportStep(took, batch.size(), drawn);
  } else {
    StepOneByOne(batch, members);
  }
  EraseFinished();
  return true;
}

void Scheduler::ReportStep(absl::Duration took, size_t batch, int drawn) {
  const double seconds = absl::ToDoubleSeconds(took);
  metrics_->Observe(Histogram::kLmStepSeconds, seconds);
  metrics_->Observe(Histogram::kBatchSize, static_cast<double>(batch));
  if (drawn == 0 || seconds <= 0) return;
  metrics_->Add(Counter::kTokens, static_cast<double>(drawn) * codebooks());
  speed_.Observe(clock_->Monotonic(), seconds, drawn);
}

void Scheduler::Advance(RunningSong& running, const StepRequest& step) {
  if (step.sampling == nullptr) {
    running.sequence->Fed(static_cast<int>(step.tokens.size()) / codebooks());
    return;
  }
  RunFor(running, [&] { TakeDrawn(running, step); });
  if (running.ended() || !running.sequence->done()) return;
  CloseWindow(running);
  ReleaseNext(running);  // the next window takes over this one's reservation
  if (!running.has_next()) return Finish(running, absl::OkStatus());
  ++running.window_index;
  running.open_ahead = true;
  if (running.next != nullptr) {
    RunFor(running, [&] { UseWindow(running, std::move(running.next)); });
  } else if (!running.opening) {
    Park(running);  // the next step gives memory to those who need it most
  }
}

void Scheduler::TakeDrawn(RunningSong& running, const StepRequest& step) {
  WindowSequence& sequence = *running.sequence;
  sequence.Drawn(absl::MakeConstSpan(step.next_tokens, codebooks()));
  const int64_t complete = running.spec().first_frame + sequence.complete_frames();
  if (complete <= running.next_frame) return;
  const size_t before = running.tokens.size();
  const int64_t first = running.next_frame;
  for (; running.next_frame < complete; ++running.next_frame) {
    sequence.AppendFrame(static_cast<int>(running.next_frame - running.spec().first_frame),
                         &running.tokens);
  }
  running.song.listener->OnFrames(first, absl::MakeConstSpan(running.tokens).subspan(before));
}

}  // namespace vidmuse
