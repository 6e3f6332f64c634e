#include "core/curate/run_stages.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/content_hash.h"
#include "core/base/mutex.h"
#include "core/base/status_macros.h"

namespace vidmuse::curate {
namespace {

// One run, shared by its workers.
class Run {
 public:
  Run(absl::Span<const RawClip> clips, const std::vector<std::unique_ptr<Stage>>& stages,
      const Rules& rules, const MeasurementStore& store, const RunOptions& options,
      const CancelFlag& cancel)
      : clips_(clips),
        stages_(stages),
        rules_(rules),
        store_(store),
        options_(options),
        cancel_(cancel) {}

  // Takes clip after clip until none is left or the run is cancelled.
  void Work() ABSL_LOCKS_EXCLUDED(mutex_) {
    while (!cancel_.cancelled()) {
      const size_t clip = next_++;
      if (clip >= clips_.size()) return;
      MeasureClip(clips_[clip]);
      const MutexLock lock(&mutex_);
      ++done_;
      if (options_.on_clip) options_.on_clip(done_);
    }
  }

  RunReport TakeReport() ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(&mutex_);
    return std::move(report_);
  }

 private:
  void MeasureClip(const RawClip& clip) {
    Measurements measured;
    for (const std::unique_ptr<Stage>& stage : stages_) {
      if (cancel_.cancelled() || !Decide(rules_, clip, measured).kept) return;
      if (std::optional<Json> known = store_.Find(stage->name(), stage->settings(), clip.id)) {
        measured[stage->name()] = *std::move(known);
        const MutexLock lock(&mutex_);
        ++report_.stages[stage->name()].reused;
        continue;
      }
      const absl::Duration begun = Clock::Real()->Monotonic();
      absl::StatusOr<Json> result = MeasureAndSave(*stage, clip, measured);
      Count(stage->name(), result.status(), Clock::Real()->Monotonic() - begun);
      // Later stages may need what this one measures.
      if (!result.ok()) return;
      measured[stage->name()] = *std::move(result);
    }
  }

  absl::StatusOr<Json> MeasureAndSave(const Stage& stage, const RawClip& clip,
                                      const Measurements& earlier) const {
    absl::StatusOr<Json> result = stage.Measure(clip, earlier);
    if (absl::IsInvalidArgument(result.status())) {
      Json refused;
      refused["error"] = std::string(result.status().message());
      result = std::move(refused);
    }
    if (!result.ok()) return result;
    RETURN_IF_ERROR(store_.Save(stage.name(), stage.settings(), clip.id, *result));
    return result;
  }

  void Count(const std::string& stage, const absl::Status& status, absl::Duration time) {
    const MutexLock lock(&mutex_);
    StageWork& work = report_.stages[stage];
    work.busy += time;
    if (status.ok()) {
      ++work.measured;
    } else {
      ++work.failed;
      report_.failures.emplace(stage, status);
    }
  }

  const absl::Span<const RawClip> clips_;
  const std::vector<std::unique_ptr<Stage>>& stages_;
  const Rules& rules_;
  const MeasurementStore& store_;
  const RunOptions& options_;
  const CancelFlag& cancel_;
  std::atomic<size_t> next_ = 0;
  Mutex mutex_;
  int64_t done_ ABSL_GUARDED_BY(mutex_) = 0;
  RunReport report_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<RunReport> RunStages(absl::Span<const RawClip> clips,
                                    const std::vector<std::unique_ptr<Stage>>& stages,
                                    const Rules& rules, const MeasurementStore& store,
                                    const RunOptions& options, const CancelFlag& cancel) {
  Run run(clips, stages, rules, store, options, cancel);
  {
    std::vector<std::jthread> workers;
    const auto most = static_cast<int>(std::max<size_t>(clips.size(), 1));
    for (int i = 0; i < std::clamp(options.workers, 1, most); ++i) {
      workers.emplace_back([&run] { run.Work(); });
    }
  }
  if (cancel.cancelled()) return absl::CancelledError("the run was stopped");
  return run.TakeReport();
}

std::vector<RawClip> ClipsOfShard(absl::Span<const RawClip> clips, int shard, int shards) {
  std::vector<RawClip> mine;
  for (const RawClip& clip : clips) {
    ContentHash hash;
    hash.Add(clip.id);
    uint64_t number = 0;
    // The first 15 of its hexadecimal digits fit a uint64_t.
    if (!absl::SimpleHexAtoi(hash.Hex().substr(0, 15), &number)) continue;
    if (number % static_cast<uint64_t>(shards) == static_cast<uint64_t>(shard))
      mine.push_back(clip);
  }
  return mine;
}

}  // namespace vidmuse::curate
