// What a load test has seen.
#ifndef VIDMUSE_CLIENT_CLI_LOAD_STATS_H_
#define VIDMUSE_CLIENT_CLI_LOAD_STATS_H_

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"
#include "vidmuse/v1/music.pb.h"

namespace vidmuse {

// Numbers of which some percentiles are wanted. After kMost of them, later ones aren't kept.
class Percentiles {
 public:
  static constexpr size_t kMost = 1 << 20;
  void Add(double value) {
    if (values_.size() < kMost) values_.push_back(value);
  }
  // The smallest value that at least `share` of the values don't exceed; 0 if there is none.
  double At(double share) const;

 private:
  std::vector<double> values_;
};

// One song as its listener hears it: playback starts with the first chunk that has samples. Times
// are from any one clock.
class Listener {
 public:
  explicit Listener(absl::Duration begin) : begin_(begin) {}

  void OnChunk(absl::Duration now, double audio_seconds);

  bool heard() const { return seconds_ > 0; }
  double first_audio_seconds() const { return absl::ToDoubleSeconds(first_ - begin_); }
  const std::vector<double>& inter_chunk_seconds() const { return gaps_; }
  double audio_seconds() const { return seconds_; }
  // Whether playback ran dry before a chunk came.
  bool ran_dry() const { return ran_dry_; }

 private:
  const absl::Duration begin_;
  absl::Duration first_ = absl::ZeroDuration(), last_ = absl::ZeroDuration();
  absl::Duration stalled_ = absl::ZeroDuration();  // playback stood still so long
  double seconds_ = 0;
  std::vector<double> gaps_;
  bool ran_dry_ = false;
};

// Thread-safe.
class LoadStats {
 public:
  // The load lasts for `seconds` from `begin` on.
  LoadStats(absl::Duration begin, double seconds) : begin_(begin), seconds_(seconds) {}

  void OnStart();
  // Audio that came at `now`.
  void OnAudio(absl::Duration now, double audio_seconds);
  void OnEnd(const Listener& listener, const absl::Status& status, double request_seconds);

  // A line for people. `now`: the same clock as `begin`.
  std::string Line(absl::Duration now) const;
  nlohmann::json Json() const;
  int64_t whole() const;

 private:
  const absl::Duration begin_;
  const double seconds_;
  mutable Mutex mutex_;
  int64_t started_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t ended_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t whole_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t underruns_ ABSL_GUARDED_BY(mutex_) = 0;
  double audio_seconds_ ABSL_GUARDED_BY(mutex_) = 0;  // within the load's time
  std::map<std::string, int64_t> codes_ ABSL_GUARDED_BY(mutex_);
  Percentiles first_audio_ ABSL_GUARDED_BY(mutex_);
  Percentiles inter_chunk_ ABSL_GUARDED_BY(mutex_);
  Percentiles request_ ABSL_GUARDED_BY(mutex_);
  Percentiles real_time_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_CLI_LOAD_STATS_H_
