// Runs the stages over the clips, several clips at a time.
#ifndef VIDMUSE_CURATE_RUN_STAGES_H_
#define VIDMUSE_CURATE_RUN_STAGES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/base/cancel.h"
#include "core/curate/measurement_store.h"
#include "core/curate/raw_manifest.h"
#include "core/curate/rules.h"
#include "core/curate/stage.h"

namespace vidmuse::curate {

// What one stage did in a run.
struct StageWork {
  int64_t measured = 0;
  int64_t reused = 0;   // were measured by an earlier run
  int64_t failed = 0;   // weren't measured, for a reason that isn't the clip's
  absl::Duration busy;  // of all workers together
};

struct RunReport {
  std::map<std::string, StageWork> stages;
  // The first failure of each stage.
  std::map<std::string, absl::Status> failures;
};

struct RunOptions {
  int workers = 1;
  // Called after each clip, by one thread at a time: how many of the run's clips are done.
  std::function<void(int64_t done)> on_clip;
};

// Measures every clip by one stage after the other, in their order, and saves each measurement. A
// clip that the rules drop goes to no later stage. A clip's failure ends neither the run nor other
// clips. CANCELLED: `cancel` was set; what was measured is saved.
absl::StatusOr<RunReport> RunStages(absl::Span<const RawClip> clips,
                                    const std::vector<std::unique_ptr<Stage>>& stages,
                                    const Rules& rules, const MeasurementStore& store,
                                    const RunOptions& options, const CancelFlag& cancel);

// The clips of shard `shard` of `shards`, in order: a clip's shard depends on its id alone.
std::vector<RawClip> ClipsOfShard(absl::Span<const RawClip> clips, int shard, int shards);

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_RUN_STAGES_H_
