// Continuous batching: who is in the batch, and what each of them feeds, at every decoding step.
#ifndef VIDMUSE_ENGINE_SCHEDULER_H_
#define VIDMUSE_ENGINE_SCHEDULER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/catch_exceptions.h"
#include "core/base/clock.h"
#include "core/engine/generation.h"
#include "core/engine/scheduler_load.h"
#include "core/engine/waiting_queue.h"
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
  // The next window of a song that is being made: it is opened before a new song's first one.
  bool urgent = false;
};
using WindowOpener = std::function<void(WindowRequest)>;

// Clients take turns (see WaitingQueue), and each one's requests are placed in the order in which
// they came. A generation keeps its place, and the memory for its largest window, until its song is
// done, so nobody starves. Its next window is opened while the last seconds of the one before it
// are made, if there is memory for both and nobody waits for it; if not, when that one is done.
// Between steps, cancelled and late ones leave.
//
// A device is lost if a step fails for each request alone and ProbeModel fails too: then everything
// ends with UNAVAILABLE, as does what is added later, until a probe succeeds again.
//
// No threads and no locks in here: one thread calls everything, the clock and the opener come from
// outside.
class Scheduler {
 public:
  Scheduler(MusicModel* model, const SchedulerOptions& options, const Clock* clock,
            MetricsSink* metrics, WindowOpener open_window);

  // The generation's OnGenerated is called exactly once after this, unless this throws.
  void Add(std::shared_ptr<Generation> generation);
  void WindowOpened(uint64_t id, absl::StatusOr<std::unique_ptr<Window>> window,
                    absl::Duration took);

  // Something else than a step failed in a way that may be the device's fault. It is probed once
  // nothing runs, unless a step succeeds before that.
  void Suspect() { suspect_ = true; }

  // Drops who left, gives free places, runs one step of the batch. False: nothing to do now.
  bool RunStep();

  // Ends everything with `status`.
  void Abort(const absl::Status& status);

  bool idle() const { return waiting_.empty() && running_.empty(); }
  // When RunStep has to be called though nothing happened.
  absl::Duration next_deadline() const;  // Clock::Monotonic()
  SchedulerLoad load() const;

 private:
  // A generation with a place in the batch.
  struct Running {
    uint64_t id = 0;
    std::shared_ptr<Generation> generation;  // null once it has ended
    size_t kv_bytes = 0;                     // reserved for its largest window
    int window_index = 0;
    std::unique_ptr<Window> window;            // null while it is being opened
    std::unique_ptr<WindowSequence> sequence;  // set together with `window`
    std::vector<int32_t> tokens;               // [n][codebooks]: the song's first n frames
    int64_t first_frame = 0;                   // the first one made here
    int64_t next_frame = 0;                    // the first one not made yet

    bool opening = false;          // a window is on its way: this one, or the next
    std::unique_ptr<Window> next;  // opened ahead
    size_t next_kv_bytes = 0;      // reserved for it, until `window` is gone
    bool open_ahead = true;        // false: the next window couldn't be opened beside this one

    const WindowSpec& spec() const { return generation->windows[window_index]; }
    bool has_next() const {
      return window_index + 1 < static_cast<int>(generation->windows.size());
    }
    bool streaming() const { return next_frame > first_frame; }
    int64_t frames_left() const { return generation->windows.back().end_frame() - next_frame; }
  };

  // Why a generation must leave, or OK.
  absl::Status MustLeave(const Generation& generation) const;
  size_t KvBytes(const WindowSpec& window) const;
  size_t LargestKvBytes(const Generation& generation) const;
  void DropLeavers();
  void Place();
  std::unique_ptr<Running> NewRunning(const WaitingGeneration& waiting);
  void OpenAhead();
  // Asks for the window number `index` of the song.
  void RequestWindow(Running& running, int index);
  void UseWindow(Running& running, std::unique_ptr<Window> window);
  std::vector<StepRequest> BuildBatch(std::vector<Running*>* members);
  absl::Status Step(std::vector<StepRequest>& batch);
  void StepOneByOne(std::vector<StepRequest>& batch, const std::vector<Running*>& members);
  // Takes in what was drawn for one member.
  void Advance(Running& running, const StepRequest& step);
  void TakeDrawn(Running& running, const StepRequest& step);
  // Runs `part`; what it throws ends this generation alone.
  template <typename Part>
  void RunFor(Running& running, Part part) {
    const absl::Status status = CatchExceptions("the request failed", part);
    if (!status.ok()) Finish(running, status);
  }
  void Finish(Running& running, const absl::Status& status);
  void EraseFinished();
  void ReleaseNext(Running& running);
  // False: the device is lost, for `reason` if that is an error. Everybody is told at the next
  // turn, once load() says so: who tries again at once must not come here.
  bool Probe(const absl::Status& reason);
  // Ends everything on a lost device and probes it, if it is time. True: it works.
  bool Recovers();
  void ReportStep(absl::Duration took, size_t batch, int drawn);
  void ReportLoad();
  int codebooks() const { return model_->info().codebooks; }

  MusicModel* const model_;
  const SchedulerOptions options_;
  const Clock* const clock_;
  MetricsSink* const metrics_;
  const WindowOpener open_window_;
  const size_t full_window_bytes_;
  const size_t least_window_bytes_;

  WaitingQueue waiting_;
  std::vector<std::unique_ptr<Running>> running_;  // in order of arrival
  uint64_t next_id_ = 1;
  size_t kv_bytes_ = 0;
  StepSpeed speed_;
  bool suspect_ = false;
  absl::Status device_;         // why the device is lost, or OK
  absl::Duration next_probe_;   // of a lost device
  std::vector<int32_t> drawn_;  // [batch][codebooks] of the step under way
};

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_SCHEDULER_H_
