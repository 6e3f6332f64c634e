// Continuous batching: decides at every decoding step which generations are in the batch and what
// each of them feeds.
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
  int max_batch = 8;        // generations in the batch
  size_t max_kv_bytes = 0;  // KV cache for all their windows together
  // Prefill is chunked so that no other request waits long for its next token. Besides one sequence
  // step per request, a batch step feeds at most `prefill_steps` prompt steps for all requests
  // together, or `prefill_steps_alone` if the batch holds a single request.
  int prefill_steps = 8;
  int prefill_steps_alone = 64;
};

// A window to be opened for a generation.
struct WindowRequest {
  uint64_t id = 0;
  std::shared_ptr<Generation> generation;
  std::shared_ptr<const VideoCondition> condition;
  WindowSpec window;
  int capacity = 0;  // sequence steps
  // Set for a song that has frames already: its window is opened before a new song's first one.
  bool urgent = false;
};

// Opens the window on another thread than the device thread, without blocking the caller, and then
// has the device thread hand it to Scheduler::WindowOpened.
using WindowOpener = std::function<void(WindowRequest)>;

// Clients take turns (see WaitingQueue), and the requests of one client are placed in the order of
// their arrival. A generation keeps its place, and the memory for its largest window, until its
// song is done, so no generation starves. Its next window is opened while the last seconds of the
// current one are made, if there is memory for both and no request waits for that memory; otherwise
// it is opened when the current one is done. Generations that were cancelled or missed their
// deadline leave between steps.
//
// ProbeModel tests the device when a step has failed for each request even alone, and after
// Suspect. If it fails, the device counts as lost: until a probe succeeds again, every generation
// ends with UNAVAILABLE, including those that are added meanwhile.
//
// The scheduler has no threads and no locks: one thread calls all its methods, and the clock and
// the opener come from outside.
class Scheduler {
 public:
  Scheduler(MusicModel* model, const SchedulerOptions& options, const Clock* clock,
            MetricsSink* metrics, WindowOpener open_window);

  // Afterwards the generation's OnGenerated is called exactly once, unless Add throws.
  void Add(std::shared_ptr<Generation> generation);
  // Takes over a window that was requested as `id`, or the error. `took`: how long opening took.
  void WindowOpened(uint64_t id, absl::StatusOr<std::unique_ptr<Window>> window,
                    absl::Duration took);

  // Something other than a step failed in a way that may be the device's fault. The device is
  // probed as soon as no generation runs, unless a step succeeds before that.
  void Suspect() { suspect_ = true; }

  // Drops generations that must leave, fills free places and runs one step of the batch. Returns
  // false if there is nothing to do now.
  bool RunStep();

  // Ends every generation with `status`.
  void Abort(const absl::Status& status);

  bool idle() const { return waiting_.empty() && running_.empty(); }
  // The time, as of Clock::Monotonic(), when RunStep must be called even if nothing has happened.
  absl::Duration next_deadline() const;
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
    int64_t first_frame = 0;                   // the first frame made here, not resumed
    int64_t next_frame = 0;                    // the first frame not made yet

    bool opening = false;          // a window is being opened: the current or the next one
    std::unique_ptr<Window> next;  // the next window, opened ahead
    size_t next_kv_bytes = 0;      // reserved for `next` until `window` is freed
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
  // Asks the opener for window `index` of the song.
  void RequestWindow(Running& running, int index);
  void UseWindow(Running& running, std::unique_ptr<Window> window);
  std::vector<StepRequest> BuildBatch(std::vector<Running*>* members);
  absl::Status Step(std::vector<StepRequest>& batch);
  void StepOneByOne(std::vector<StepRequest>& batch, const std::vector<Running*>& members);
  // Takes in the result of a step for one generation. At the end of a window, goes on to the next
  // one or finishes the song.
  void Advance(Running& running, const StepRequest& step);
  void TakeDrawn(Running& running, const StepRequest& step);
  // Runs `part`. An exception that it throws ends this generation alone.
  template <typename Part>
  void RunFor(Running& running, Part part) {
    const absl::Status status = CatchExceptions("the request failed", part);
    if (!status.ok()) Finish(running, status);
  }
  void Finish(Running& running, const absl::Status& status);
  void EraseFinished();
  void ReleaseNext(Running& running);
  // Probes the device and returns whether it works. If not, the device is lost, and its status
  // gives `reason`, or the probe's error if that is OK. The generations are told only in the next
  // RunStep, when load() shows the loss already: a client that retries at once must not be sent
  // here again.
  bool Probe(const absl::Status& reason);
  // Ends all generations on a lost device, and probes it when the next probe is due. Returns true
  // if the device works again.
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
  std::vector<std::unique_ptr<Running>> running_;  // in the order of placement
  uint64_t next_id_ = 1;
  size_t kv_bytes_ = 0;
  StepSpeed speed_;
  bool suspect_ = false;
  absl::Status device_;         // why the device is lost, or OK
  absl::Duration next_probe_;   // when to probe a lost device again
  std::vector<int32_t> drawn_;  // [batch][codebooks]: tokens drawn in the current step
};

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_SCHEDULER_H_
