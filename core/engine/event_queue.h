// A stream's events between the thread that makes them and the one that reads them.
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
#include "vidmuse/types.h"

namespace vidmuse {

// Thread-safe. Callbacks run without locks held, one at a time.
class EventQueue {
 public:
  // `on_taken` is called after the reader took an event, `on_failure` when the reader's callback or
  // `on_taken` threw an exception. Both are called without locks held, before WaitForCallbacks
  // returns.
  EventQueue(uint64_t max_bytes, std::function<void()> on_taken,
             std::function<void(const absl::Status&)> on_failure);

  // Whether the events inside are under the limit: whoever pushes looks first.
  bool HasRoom() const;

  void Push(StreamEvent event);
  // Keeps `progress` for the reader, in place of one that it has not taken yet. It comes before the
  // events inside and doesn't count against the limit. Calls no callback: Deliver() does.
  void SetProgress(GenerationProgress progress);
  // Hands the next event, or the end, to the reader if one waits.
  void Deliver() ABSL_LOCKS_EXCLUDED(mutex_);
  // The stream ends with OK after what is inside and `last`, unless it has ended.
  void Finish(GenerationFinished last);
  // The stream ends now: what is inside is dropped.
  void Fail(absl::Status status);

  // See MusicStream::Read.
  void Read(MusicStream::ReadCallback callback);

  // Whether the stream has ended with OK and the reader took all of it.
  bool AllTaken() const;

  // Returns when no callback is running. Not to be called from one.
  void WaitForCallbacks();

 private:
  // Calls `reader`, and `on_taken_` if it gets an event. Exceptions end here.
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
