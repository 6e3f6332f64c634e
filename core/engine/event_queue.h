// Holds a stream's events between the thread that makes them and the one that reads them.
#ifndef VIDMUSE_ENGINE_EVENT_QUEUE_H_
#define VIDMUSE_ENGINE_EVENT_QUEUE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "vidmuse/generator.h"

namespace vidmuse {

// Thread-safe. Callbacks run without locks held. If a callback calls Read, the next callback may
// run before it returns.
class EventQueue {
 public:
  // `on_taken` is called after the reader took an event, and `on_failure` when the reader's
  // callback or `on_taken` threw an exception. Both are called without locks held, and
  // WaitForCallbacks waits for them too.
  EventQueue(uint64_t max_bytes, std::function<void()> on_taken,
             std::function<void(const absl::Status&)> on_failure);

  // Whether the queued events hold fewer bytes than the limit. Push doesn't check this: its caller
  // must ask first.
  bool HasRoom() const;

  void Push(StreamEvent event);
  // Keeps `progress` for the reader and replaces one that it has not taken yet. The reader gets it
  // before the queued events, and it doesn't count against the limit. Calls no callback: Deliver()
  // does.
  void SetProgress(GenerationProgress progress);
  // Hands the next event, or the end, to the reader if one waits.
  void Deliver() ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends the stream with OK after the queued events and `last`, unless it has ended already.
  void Finish(GenerationFinished last);
  // Drops the queued events. Ends the stream with `status` unless it has ended already.
  void Fail(absl::Status status);

  // See MusicStream::Read.
  void Read(MusicStream::ReadCallback callback);

  // Whether the stream has ended with OK and the reader took every event.
  bool AllTaken() const;

  // Returns when no callback is running. Must not be called from one.
  void WaitForCallbacks();

 private:
  // Calls `reader`, and then `on_taken_` if it got an event. Catches their exceptions and passes
  // them to `on_failure_`.
  void Call(const MusicStream::ReadCallback& reader, absl::StatusOr<StreamEvent> event);

  const uint64_t max_bytes_;
  const std::function<void()> on_taken_;
  const std::function<void(const absl::Status&)> on_failure_;

  mutable Mutex mutex_;
  std::deque<StreamEvent> events_ ABSL_GUARDED_BY(mutex_);
  std::optional<GenerationProgress> progress_ ABSL_GUARDED_BY(mutex_);
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_ ABSL_GUARDED_BY(mutex_);
  MusicStream::ReadCallback reader_ ABSL_GUARDED_BY(mutex_);
  int callbacks_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_EVENT_QUEUE_H_
