// Continuous batching: who is in the batch, and what each of them feeds, at every decoding step.
#ifndef VIDMUSE_ENGINE_SCHEDULER_H_
#define VIDMUSE_ENGINE_SCHEDULER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/engine/generation.h"
#include "core/engine/window_sequence.h"
#include "core/model/music_model.h"
#include "vidmuse/metrics_sink.h"

namespace vidmuse {

struct SchedulerOptions {
  int max_batch = 8;        // generations with a place
  size_t max_kv_bytes = 0;  // windows of all of them together
  // Prompts are fed in pieces, so that nobody's next token waits long: sequence steps that may be
  // fed beyond one a request in a batch step, beside others and alone.
  int prefill_steps = 8;
  int prefill_steps_alone = 64;
};

// Opens a window somewhere else than on the device thread and hands it to Scheduler::WindowOpened
// there.
struct WindowRequest {
  uint64_t id = 0;
  std::shared_ptr<Generation> generation;
  std::shared_ptr<const VideoCondition> condition;
  WindowSpec window;
  int capacity = 0;  // sequence steps
};
using WindowOpener = std::function<void(WindowRequest)>;

// What the scheduler holds, for estimates and metrics.
struct SchedulerLoad {
  int max_batch = 0;             // places
  int running = 0;               // with a place
  int waiting = 0;               // without
  int64_t backlog_frames = 0;    // frames still to be made for all of them
  size_t kv_bytes = 0;           // reserved
  double frames_per_second = 0;  // made lately, all together; 0 until known

  // How long a new request would wait for a place: everything ahead has to be made first.
  absl::Duration Delay() const;
};

// First come, first placed: a generation keeps its place, and the memory for its largest window,
// until its song is done, so nobody starves. A new window is opened while the others go on. Between
// steps, cancelled and late ones leave.
//
// No threads and no locks in here: one thread calls everything, the clock and the opener come from
// outside.
class Scheduler {
 public:
  Scheduler(MusicModel* model, const SchedulerOptions& options, const Clock* clock,
            MetricsSink* metrics, WindowOpener open_window);

  // The generation's OnGenerated is called exactly once after this.
  void Add(std::shared_ptr<Generation> generation);
  void WindowOpened(uint64_t id, absl::StatusOr<std::unique_ptr<Window>> window,
                    absl::Duration took);

  // Drops who left, gives free places, runs one step of the batch. False: nothing to step now.
  bool RunStep();

  // Ends everything with `status`.
  void Abort(const absl::Status& status);

  bool idle() const { return waiting_.empty() && running_.empty(); }
  // When RunStep has to be called though nothing happened.
  absl::Duration next_deadline() const;  // Clock::Monotonic()
  SchedulerLoad load() const;

 private:
  struct Waiting {
    std::shared_ptr<Generation> generation;
    size_t kv_bytes = 0;  // for its largest window
  };
  // A generation with a place in the batch.
  struct Running {
    uint64_t id = 0;
    std::shared_ptr<Generation> generation;
    size_t kv_bytes = 0;  // reserved
    int window_index = 0;
    std::unique_ptr<Window> window;            // null while it is being opened
    std::unique_ptr<WindowSequence> sequence;  // set together with `window`
    std::vector<int32_t> tokens;               // [n][codebooks]: the song's first n frames
    int64_t next_frame = 0;                    // the first one not made yet

    const WindowSpec& spec() const { return generation->windows[window_index]; }
  };

  // Why a generation must leave, or OK.
  absl::Status MustLeave(const Generation& generation) const;
  size_t KvBytes(const Generation& generation) const;
  void DropLeavers();
  void Place();
  void OpenWindow(Running& running);
  std::vector<StepRequest> BuildBatch(std::vector<Running*>* members);
  absl::Status Step(std::vector<StepRequest>& batch);
  void StepOneByOne(std::vector<StepRequest>& batch, const std::vector<Running*>& members);
  // Takes in what was drawn for one member.
  void Advance(Running& running, const StepRequest& step);
  void Finish(Running& running, const absl::Status& status);
  void ReportLoad();
  int codebooks() const { return model_->info().codebooks; }

  MusicModel* const model_;
  const SchedulerOptions options_;
  const Clock* const clock_;
  MetricsSink* const metrics_;
  const WindowOpener open_window_;

  std::deque<Waiting> waiting_;
  std::vector<std::unique_ptr<Running>> running_;  // in order of arrival
  uint64_t next_id_ = 1;
  size_t kv_bytes_ = 0;
  double frames_per_second_ = 0;
  std::vector<int32_t> drawn_;  // [batch][codebooks] of the step under way
};

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_SCHEDULER_H_
