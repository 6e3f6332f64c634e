// The scheduler's steps: builds the batch, takes in the drawn tokens and handles failing devices.
#include <algorithm>
#include <numeric>
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
    if (running->is_open()) ready.push_back(running.get());
  }
  LeaveOut(&ready);
  sitting_out_ = 0;
  for (const auto& running : running_) {
    sitting_out_ += running->streaming() && (running->parked || running->is_open());
  }
  for (const RunningSong* member : ready) sitting_out_ -= member->streaming();
  return ready;
}

void Scheduler::LeaveOut(std::vector<RunningSong*>* ready) {
  // While steps take longer than what they make is heard, songs that can wait don't make them even
  // longer, if any song can't wait.
  const bool slow = speed_.IsFresh(clock_->Monotonic()) && speed_.step_seconds * kFrameRate > 1;
  struct Entry {
    Urgency urgency;
    size_t index;  // in `ready`
    int rows;
    bool operator<(const Entry& other) const {
      return std::tie(urgency, index) < std::tie(other.urgency, other.index);
    }
  };
  std::vector<Entry> entries;
  entries.reserve(ready->size());
  for (const RunningSong* song : *ready) {
    entries.push_back({UrgencyOf(*song), entries.size(), song->rows()});
  }
  const auto rows_of = [](auto begin, auto end) {
    return std::accumulate(begin, end, 0,
                           [](int sum, const Entry& entry) { return sum + entry.rows; });
  };
  const int all = rows_of(entries.begin(), entries.end());
  if (!slow && all <= options_.max_batch) return;
  std::sort(entries.begin(), entries.end());
  const auto from = [&entries](Urgency::Group group) {
    return std::find_if(entries.begin(), entries.end(),
                        [group](const Entry& entry) { return entry.urgency.group >= group; });
  };
  const int cannot_wait = rows_of(entries.begin(), from(Urgency::Group::kAhead));
  const int wanted = slow && cannot_wait > 0 ? cannot_wait : all;
  const int rows = std::min(wanted, options_.max_batch);
  if (rows == all) return;
  // Patient songs are the last entries. As many of them as are due come first instead.
  const auto patient = from(Urgency::Group::kPatient);
  patient_rows_ = std::min(patient_rows_ + rows * kPatientRows,
                           static_cast<double>(rows_of(patient, entries.end())));
  int due = 0;
  auto last_due = patient;
  while (last_due != entries.end() && due + last_due->rows <= patient_rows_) {
    due += last_due++->rows;
  }
  std::rotate(entries.begin(), patient, last_due);
  // A song that needs more rows than are left doesn't keep smaller ones from them: the less it has
  // left to play, the earlier it comes.
  int room = slow ? std::min(rows + due, options_.max_batch) : rows;
  std::erase_if(entries, [&room](const Entry& entry) {
    if (entry.rows > room) return true;
    room -= entry.rows;
    return false;
  });
  for (const Entry& entry : entries) {
    if (entry.urgency.group == Urgency::Group::kPatient) patient_rows_ -= entry.rows;
  }
  patient_rows_ = std::max(patient_rows_, 0.0);
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.index < b.index; });
  std::vector<RunningSong*> chosen;
  chosen.reserve(entries.size());
  for (const Entry& entry : entries) chosen.push_back((*ready)[entry.index]);
  *ready = std::move(chosen);
}

std::vector<Scheduler::Member> Scheduler::BuildBatch(const std::vector<RunningSong*>& songs) {
  std::vector<int> counts(songs.size(), 1);  // sequence steps that each row of a song feeds
  int budget = songs.size() == 1 ? options_.prefill_steps_alone : options_.prefill_steps;
  // Songs that are streaming already get their prompt steps first, then the others. Within each
  // group, those placed earlier come first.
  for (const bool streaming : {true, false}) {
    for (size_t i = 0; i < songs.size(); ++i) {
      if (songs[i]->streaming() != streaming) continue;
      const int rows = songs[i]->rows();
      const int extra = std::min(songs[i]->sequence().pending() - 1, budget / rows);
      budget -= extra * rows;
      counts[i] += extra;
    }
  }
  size_t rows = 0;
  for (const RunningSong* song : songs) rows += song->variants.size();
  drawn_.assign(rows * codebooks(), 0);
  batch_.clear();
  batch_.reserve(rows);
  std::vector<Member> members;
  members.reserve(songs.size());
  for (size_t i = 0; i < songs.size(); ++i) {
    const size_t begin = batch_.size();
    AddRows(*songs[i], counts[i]);
    members.push_back({songs[i], absl::MakeSpan(batch_).subspan(begin)});
  }
  return members;
}

void Scheduler::AddRows(RunningSong& running, int count) {
  for (int v = 0; v < running.rows(); ++v) {
    const WindowSequence& sequence = *running.variants[v].sequence;
    StepRequest step;
    step.window = running.windows[v].get();
    step.tokens = sequence.Next(count);
    if (count == sequence.pending()) {
      step.sampling = &running.song.variants[v].sampling;
      step.frame = running.spec().first_frame + sequence.drawn_frame();
      step.next_tokens = drawn_.data() + batch_.size() * codebooks();
    }
    batch_.push_back(step);
  }
}

absl::Status Scheduler::Step(absl::Span<StepRequest> rows) {
  return CatchExceptions("a decoding step failed", [&] { return model_->Step(rows); });
}

void Scheduler::StepOneByOne(const std::vector<Member>& members) {
  std::vector<absl::Status> statuses;
  statuses.reserve(members.size());
  bool works = false;
  for (const Member& member : members) {
    statuses.push_back(Step(member.rows));
    works |= statuses.back().ok();
  }
  if (!works) {
    // The windows are useless now, and the probe needs memory.
    for (const Member& member : members) CloseWindow(*member.song);
    if (!Probe(statuses.front())) return;
  }
  for (size_t i = 0; i < members.size(); ++i) {
    if (statuses[i].ok()) {
      Advance(members[i]);
    } else {
      Finish(*members[i].song, statuses[i]);
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
  const std::vector<Member> members = BuildBatch(ChooseMembers());
  if (members.empty()) {
    if (suspect_ && running_.empty()) Probe(absl::OkStatus());
    return !device_.ok();
  }
  const absl::Duration begin = clock_->Monotonic();
  const absl::Status status = Step(absl::MakeSpan(batch_));
  const absl::Duration took = clock_->Monotonic() - begin;
  int drawn = 0;
  for (const Member& member : members) member.song->times.steps += took;
  for (const StepRequest& row : batch_) drawn += row.sampling != nullptr;
  if (status.ok()) {
    suspect_ = false;
    for (const Member& member : members) Advance(member);
    ReportStep(took, batch_.size(), drawn);
  } else {
    StepOneByOne(members);
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

void Scheduler::Advance(const Member& member) {
  RunningSong& running = *member.song;
  if (member.rows.front().sampling == nullptr) {
    const int fed = static_cast<int>(member.rows.front().tokens.size()) / codebooks();
    for (const RunningVariant& variant : running.variants) variant.sequence->Fed(fed);
    return;
  }
  RunFor(running, [&] { TakeDrawn(member); });
  if (running.ended() || !running.sequence().done()) return;
  CloseWindow(running);
  ReleaseNext(running);  // the next window takes over this one's reservation
  if (!running.has_next()) return Finish(running, absl::OkStatus());
  ++running.window_index;
  running.open_ahead = true;
  if (!running.next.empty()) {
    RunFor(running, [&] { UseWindows(running, std::exchange(running.next, {})); });
  } else if (!running.opening) {
    Park(running);  // the next step gives memory to those who need it most
  }
}

void Scheduler::TakeDrawn(const Member& member) {
  RunningSong& running = *member.song;
  for (int v = 0; v < running.rows(); ++v) {
    running.variants[v].sequence->Drawn(
        absl::MakeConstSpan(member.rows[v].next_tokens, codebooks()));
  }
  const int64_t window = running.spec().first_frame;
  const int64_t first = running.next_frame;
  const int64_t complete = window + running.sequence().complete_frames();
  if (complete <= first) return;
  running.next_frame = complete;
  for (int v = 0; v < running.rows(); ++v) {
    RunningVariant& variant = running.variants[v];
    const size_t before = variant.tokens.size();
    for (int64_t frame = first; frame < complete; ++frame) {
      variant.sequence->AppendFrame(static_cast<int>(frame - window), &variant.tokens);
    }
    running.song.listener->OnFrames(v, first, absl::MakeConstSpan(variant.tokens).subspan(before));
  }
}

}  // namespace vidmuse
