// Continuous batching: decides at every decoding step which songs are in the batch and what each of
// them feeds.
#ifndef VIDMUSE_ENGINE_SCHEDULER_H_
#define VIDMUSE_ENGINE_SCHEDULER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/base/catch_exceptions.h"
#include "core/base/clock.h"
#include "core/engine/scheduler_load.h"
#include "core/engine/song.h"
#include "core/engine/urgency.h"
#include "core/engine/waiting_queue.h"
#include "core/engine/window_sequence.h"
#include "core/model/music_model.h"
#include "vidmuse/metrics_sink.h"

namespace vidmuse {

struct SchedulerOptions {
  int max_batch = 8;        // rows of the batch: songs, each variant counted
  size_t max_kv_bytes = 0;  // KV cache for all their windows together
  // Prefill is chunked so that no other song waits long for its next token. Besides one sequence
  // step per song, a step of the batch feeds at most `prefill_steps` prompt steps for all songs
  // together, or `prefill_steps_alone` if the batch holds a single song.
  int prefill_steps = 8;
  int prefill_steps_alone = 64;
  // A stream that is further ahead of its listener gives way to streams that have less, above all
  // to those of which nothing was heard yet. Infinity: songs keep their places until they end.
  absl::Duration stream_lead = absl::Seconds(10);
};

// A window to be opened for a song.
struct PendingWindow {
  SongId song = 0;
  // Kept until the window is open, so that a request that was cancelled meanwhile counts as live.
  std::shared_ptr<const SongListener> listener;
  std::shared_ptr<ConditionSource> condition;
  CancelFlag cancel;  // the song's
  WindowSpec window;
  int capacity = 0;  // sequence steps
  int count = 1;     // windows to be opened, one for each variant
  // Set for a song that has frames already, and that isn't a stream far ahead of its listener: its
  // window is opened before a new song's first one.
  bool urgent = false;
};

// Windows over the same frames, one for each variant of a song.
using VariantWindows = std::vector<std::unique_ptr<Window>>;

// Opens the windows on another thread than the device thread, without blocking the caller, and then
// has the device thread hand them to Scheduler::WindowOpened.
using WindowOpener = std::function<void(PendingWindow)>;

// At most `max_batch` rows step together: a song has one for each of its variants, which take every
// step together. More songs may be running: a stream that is far ahead of its listener sits out
// while others need the step more (see Urgency), and keeps its open window meanwhile. Between two
// windows a song holds no memory, so where memory is short, others that need it more get it first.
// None of this changes a song's tokens.
//
// Songs that wait get places in the order of their urgency too; among streams of which nothing was
// heard, and among patient songs, clients take turns (see WaitingQueue), and the songs of one
// client come in the order of their arrival. While `max_batch` songs or more are running, a new
// stream begins only if the device is fast enough to keep all streams playing.
//
// Patient songs get what is left of steps and memory, and never less than one in eight rows of the
// steps and one in eight windows. While a step takes longer than its frames are heard, songs that
// can wait don't lengthen the steps of a stream that can't. The first song in the order that
// doesn't fit into the memory holds up those behind it, so a large one doesn't starve either.
//
// A song whose window can't be opened for want of memory, while others hold some, tries again each
// time that a window is closed.
//
// A song's next window is opened while the last seconds of the current one are made, if there is
// memory for both and no song waits for that memory; otherwise it is opened when the current one is
// done. Songs that were cancelled or missed their deadline leave between steps.
//
// ProbeModel tests the device when a step has failed for each song even alone, and after Suspect.
// If it fails, the device counts as lost: until a probe succeeds again, every song ends with
// UNAVAILABLE, including those that are added meanwhile.
//
// The scheduler has no threads and no locks: one thread calls all its methods, and the clock and
// the opener come from outside.
class Scheduler {
 public:
  Scheduler(MusicModel* model, const SchedulerOptions& options, const Clock* clock,
            MetricsSink* metrics, WindowOpener open_window);

  // Takes the song over; OnEnded is called exactly once. If Add throws, the song is unchanged.
  void Add(SongId id, Song&& song);
  // Takes over the windows that the song `id` waits for, or the error. `took`: how long opening
  // took.
  void WindowOpened(SongId id, absl::StatusOr<VariantWindows> windows, absl::Duration took);

  // Something other than a step failed in a way that may be the device's fault. The device is
  // probed as soon as no song runs, unless a step succeeds before that.
  void Suspect() { suspect_ = true; }

  // Drops songs that must leave, fills free places and runs one step of the batch. Returns false if
  // there is nothing to do now.
  bool RunStep();

  // Ends every song with `status`. Throws nothing.
  void Abort(const absl::Status& status);

  bool idle() const { return streams_.empty() && patient_.empty() && running_.empty(); }
  // The time, as of Clock::Monotonic(), when RunStep must be called even if nothing has happened.
  absl::Duration next_deadline() const;
  // The load at the end of the last RunStep or Abort.
  const SchedulerLoad& load() const { return load_; }

 private:
  // What a running song has for each of its variants.
  struct RunningVariant {
    std::unique_ptr<WindowSequence> sequence;  // null while no window is open
    std::vector<int32_t> tokens;               // [n][codebooks]: the song's first n frames
  };
  // A song that has been placed and has not ended.
  struct RunningSong {
    SongId id = 0;
    Song song;            // its known tokens are in `variants` now
    SongTimes times;      // so far
    size_t kv_bytes = 0;  // of its largest window, reserved unless it is `parked`
    bool parked = true;   // holds no memory: it waits for some to open its next window
    int window_index = 0;
    VariantWindows windows;                // empty while they are being opened
    std::vector<RunningVariant> variants;  // as many as Song::variants
    int64_t first_frame = 0;               // the first frame made here, not resumed
    int64_t next_frame = 0;                // the first frame not made yet

    bool opening = false;      // a window is being opened: the current or the next one
    VariantWindows next;       // the next window's, opened ahead
    size_t next_kv_bytes = 0;  // reserved for `next` until `windows` are freed
    bool open_ahead = true;    // false: the next window couldn't be opened beside this one
    int64_t refused_at = -1;   // `closed_windows_` when there was no memory to open its window

    bool ended() const { return song.listener == nullptr; }
    bool is_open() const { return !windows.empty(); }
    // The variants differ in their tokens alone.
    WindowSequence& sequence() const { return *variants.front().sequence; }
    const WindowSpec& spec() const { return song.windows[window_index]; }
    bool has_next() const { return window_index + 1 < static_cast<int>(song.windows.size()); }
    bool streaming() const { return next_frame > first_frame; }
    int64_t frames_left() const { return song.total_frames() - next_frame; }
    int rows() const { return song.rows(); }
  };
  // A song with its rows of a step.
  struct Member {
    RunningSong* song = nullptr;
    absl::Span<StepRequest> rows;  // one for each variant
  };
  // A song that may get memory now: one that is parked, or the first of a queue.
  struct Candidate {
    Urgency urgency;
    RunningSong* parked = nullptr;
    WaitingQueue* queue = nullptr;
    size_t kv_bytes = 0;
    int rows = 1;
  };

  // Why a song must leave, or OK.
  absl::Status MustLeave(const Song& song) const;
  // Of one window for each of `count` variants.
  size_t KvBytes(const WindowSpec& window, int count) const;
  size_t LargestKvBytes(const Song& song) const;
  void DropLeavers();
  Urgency UrgencyOf(const RunningSong& running) const;
  // Gives free places and memory to the songs that need them most. Sets `memory_is_short_`.
  void Place();
  // The song that gets memory next, if any wants some.
  std::optional<Candidate> NextCandidate();
  // Whether a place in the batch is free for the candidate, or taken by a song that gives way.
  bool HasPlace(const Candidate& candidate) const;
  // Whether the device is fast enough for one more stream, of so many rows, to begin, with all
  // others playing on.
  bool CanKeepUp(int rows) const;
  // Whether a song other than this one holds memory for windows.
  bool OthersHoldMemory(const RunningSong& running) const;
  // Whether a patient song waits for memory.
  bool PatientWait() const;
  // Gives the first song of the queue a place, or ends it if that fails. Returns null then.
  RunningSong* PlaceFirst(WaitingQueue& queue);
  // Reserves memory for the song's current window and asks for it.
  void Unpark(RunningSong& running);
  // Frees the song's window, and keeps its reservation.
  void CloseWindow(RunningSong& running);
  // Lets go of the reservation of the song, which has no window.
  void Park(RunningSong& running);
  // Asks for the next window of each song that is near the end of its current one.
  void OpenAhead();
  // Asks the opener for window `index` of the song.
  void RequestWindow(RunningSong& running, int index);
  void UseWindows(RunningSong& running, VariantWindows windows);
  // The songs of the next step, in the order of their placement.
  std::vector<RunningSong*> ChooseMembers();
  // Takes the songs that must sit out from `ready`.
  void LeaveOut(std::vector<RunningSong*>* ready);
  // Builds the songs' rows in `batch_`.
  std::vector<Member> BuildBatch(const std::vector<RunningSong*>& songs);
  // Adds the song's rows to `batch_`. Each feeds `count` sequence steps.
  void AddRows(RunningSong& running, int count);
  absl::Status Step(absl::Span<StepRequest> rows);
  void StepOneByOne(const std::vector<Member>& members);
  // Takes in the result of a step for one song. At the end of a window, goes on to the next one or
  // finishes the song.
  void Advance(const Member& member);
  void TakeDrawn(const Member& member);
  // Runs `part`. An exception that it throws ends this song alone.
  template <typename Part>
  void RunFor(RunningSong& running, Part part) {
    const absl::Status status = CatchExceptions("the request failed", part);
    if (!status.ok()) Finish(running, status);
  }
  void Finish(RunningSong& running, const absl::Status& status);
  void EraseFinished();
  void ReleaseNext(RunningSong& running);
  // Probes the device and returns whether it works. If not, the device is lost, and its status
  // gives `reason`, or the probe's error if that is OK. The songs are told only in the next
  // RunStep, when load() shows the loss already: a client that retries at once must not be sent
  // here again.
  bool Probe(const absl::Status& reason);
  // Ends all songs on a lost device, and probes it when the next probe is due. Returns true if the
  // device works again.
  bool Recovers();
  // RunStep without its report of the load.
  bool TryStep();
  void ReportStep(absl::Duration took, size_t batch, int drawn);
  SchedulerLoad MeasureLoad() const;
  void ReportLoad() const;
  int codebooks() const { return model_->info().codebooks; }

  MusicModel* const model_;
  const SchedulerOptions options_;
  const Clock* const clock_;
  MetricsSink* const metrics_;
  const WindowOpener open_window_;
  const size_t full_window_bytes_;
  const size_t least_window_bytes_;

  WaitingQueue streams_, patient_;                     // the songs that wait for a place
  std::vector<std::unique_ptr<RunningSong>> running_;  // in the order of placement
  bool memory_is_short_ = false;                       // a song that has a place waits for memory
  int64_t closed_windows_ = 0;                         // so far
  // Windows that streams got since a patient song that waits last got one.
  int stream_windows_ = 0;
  double patient_rows_ = 0;  // rows of the next steps that are due to patient songs
  int sitting_out_ = 0;      // songs with frames that are not in the current step
  size_t kv_bytes_ = 0;
  StepSpeed speed_;
  SchedulerLoad load_;
  bool suspect_ = false;
  absl::Status device_;        // why the device is lost, or OK
  absl::Duration next_probe_;  // when to probe a lost device again
  // Of the current step.
  std::vector<StepRequest> batch_;
  std::vector<int32_t> drawn_;  // [batch][codebooks]: tokens drawn
};

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_SCHEDULER_H_
