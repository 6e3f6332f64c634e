// What the user sees on standard error while music is made.
#ifndef VIDMUSE_CLIENT_CLI_PROGRESS_H_
#define VIDMUSE_CLIENT_CLI_PROGRESS_H_

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"
#include "vidmuse/v1/music.pb.h"

namespace vidmuse {

// "[######    ] 12.3/63.0 s  3.1x realtime  making music", `width` characters of bar.
std::string ProgressLine(double made_seconds, double total_seconds, double elapsed_seconds,
                         absl::string_view stage, int width);

// Draws one line over and over if standard error is a terminal; silent otherwise. Thread-safe.
class Progress {
 public:
  explicit Progress(uint64_t video_bytes);

  void OnUploaded(uint64_t sent_bytes);
  void OnStarted(const v1::GenerationStarted& started);
  void OnChunk(const v1::AudioChunk& chunk);
  void OnRetry(const absl::Status& status, absl::Duration delay);
  // Clears the line; nothing is drawn after it.
  void Close();

 private:
  void Draw(bool always) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const bool shown_;
  const uint64_t video_bytes_;

  Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time last_drawn_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Time started_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  uint64_t sent_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  v1::GenerationStarted song_ ABSL_GUARDED_BY(mutex_);
  uint64_t made_frames_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_CLI_PROGRESS_H_
