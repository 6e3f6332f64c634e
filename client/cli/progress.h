// Shows progress on standard error while music is made.
#ifndef VIDMUSE_CLIENT_CLI_PROGRESS_H_
#define VIDMUSE_CLIENT_CLI_PROGRESS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"
#include "vidmuse/v1/music.pb.h"

namespace vidmuse {

// Returns "[######    ] 12.3/63.0 s  3.10x realtime  16 s left  making music", for example. The bar
// has `width` characters. `realtime_factor` is in seconds of music per second; 0: not known yet.
std::string ProgressLine(double made_seconds, double total_seconds, double realtime_factor,
                         absl::string_view stage, int width);

// Describes a stage before the first token: "in the queue, place 3, about 40 s to wait".
std::string WaitingLine(const v1::GenerationProgress& progress);

// Keeps one line up to date if standard error is a terminal. Silent otherwise. Thread-safe.
class Progress {
 public:
  explicit Progress(uint64_t video_bytes);

  void OnUploaded(uint64_t sent_bytes);
  void OnProgress(const v1::GenerationProgress& progress);
  // To be called when the song begins or starts over.
  void OnStarted(const v1::GenerationStarted& started);
  void OnChunk(const v1::AudioChunk& chunk);
  void OnRetry(const absl::Status& status, absl::Duration delay);
  // Clears the line. Nothing is drawn afterwards.
  void Close();

 private:
  void SetMade(uint64_t frames) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string Line(absl::Time now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  double RealtimeFactor(absl::Time now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Draw(bool always) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const bool shown_;
  const uint64_t video_bytes_;

  Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time last_drawn_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  uint64_t sent_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  v1::GenerationStarted song_ ABSL_GUARDED_BY(mutex_);
  uint64_t made_frames_ ABSL_GUARDED_BY(mutex_) = 0;
  // The time of this attempt's first frames, and the number of frames at that time. The speed is
  // measured from there, because other attempts' frames say nothing about this attempt's speed.
  std::optional<absl::Time> making_since_ ABSL_GUARDED_BY(mutex_);
  uint64_t frames_before_ ABSL_GUARDED_BY(mutex_) = 0;
  v1::GenerationProgress stage_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_CLI_PROGRESS_H_
