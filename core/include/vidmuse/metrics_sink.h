// Where the core reports what it measures. The server maps each name to a Prometheus metric.
#ifndef VIDMUSE_METRICS_SINK_H_
#define VIDMUSE_METRICS_SINK_H_

#include "absl/strings/string_view.h"

namespace vidmuse {

enum class Counter {
  kRequests,            // label: "<status code>/<reason>"
  kAudioSeconds,        // seconds of audio delivered
  kTokens,              // tokens sampled
  kWastedTokens,        // label: cause ("cancelled", "deadline", "handed_over", "error")
  kVideoBytes,          // uploaded
  kVideosDecodedEarly,  // uploads of which frames were decoded before the last byte came
  // Streams that would have stalled if played in real time from their first chunk on.
  kStreamUnderruns,
};

enum class Gauge {
  kRequestsRunning,
  kRequestsPaused,  // running ones that have audio and sit out the current step
  kRequestsWaiting,
  kEstimatedQueueDelaySeconds,
  kKvCacheUsageRatio,
  kDraining,
};

enum class Histogram {
  kRequestSeconds,
  kQueueSeconds,
  kTimeToFirstAudioSeconds,  // only of streams that can be played while they are made
  kInterChunkSeconds,
  kStreamLeadSeconds,  // left to play when the next chunk comes; 0: the player had run dry
  kStageSeconds,       // label: stage
  kLmStepSeconds,
  kBatchSize,
  // Seconds of music generated here, per second of generating.
  kRealtimeFactor,
};

// Thread-safe. The device thread calls it, so implementations must return quickly.
class MetricsSink {
 public:
  virtual ~MetricsSink() = default;
  virtual void Add(Counter counter, double value, absl::string_view label = "") = 0;
  virtual void Set(Gauge gauge, double value) = 0;
  virtual void Observe(Histogram histogram, double value, absl::string_view label = "") = 0;

  // Returns the sink for the metrics of one device's engine: kTokens, kRequestsRunning,
  // kRequestsPaused, kKvCacheUsageRatio, kEstimatedQueueDelaySeconds, kLmStepSeconds and
  // kBatchSize. Called before anything is reported. The returned sink must live as long as this
  // one.
  virtual MetricsSink* ForDevice(absl::string_view /*device*/) { return this; }
};

// A sink that ignores everything.
class NullMetricsSink final : public MetricsSink {
 public:
  void Add(Counter, double, absl::string_view) override {}
  void Set(Gauge, double) override {}
  void Observe(Histogram, double, absl::string_view) override {}
};

}  // namespace vidmuse

#endif  // VIDMUSE_METRICS_SINK_H_
