// Where the core reports what it measures. The server maps each name to a Prometheus metric.
#ifndef VIDMUSE_METRICS_SINK_H_
#define VIDMUSE_METRICS_SINK_H_

#include "absl/strings/string_view.h"

namespace vidmuse {

enum class Counter {
  kRequests,      // label: "<status code>/<reason>"
  kAudioSeconds,  // seconds of audio delivered
  kTokens,        // tokens sampled
  kWastedTokens,  // label: cause ("cancelled", "deadline", "handed_over", "error")
  kVideoBytes,    // uploaded
  // Streams that would have run dry, played in real time from their first chunk on.
  kStreamUnderruns,
};

enum class Gauge {
  kRequestsRunning,
  kRequestsWaiting,
  kEstimatedQueueDelaySeconds,
  kKvCacheUsageRatio,
  kDraining,
};

enum class Histogram {
  kRequestSeconds,
  kQueueSeconds,
  kTimeToFirstAudioSeconds,  // of streams that are played while they are made
  kInterChunkSeconds,
  kStageSeconds,  // label: stage
  kLmStepSeconds,
  kBatchSize,
  kRealtimeFactor,  // seconds of music whose tokens were made here, per second of making them
};

// Thread-safe; called from the device thread, so implementations return at once.
class MetricsSink {
 public:
  virtual ~MetricsSink() = default;
  virtual void Add(Counter counter, double value, absl::string_view label = "") = 0;
  virtual void Set(Gauge gauge, double value) = 0;
  virtual void Observe(Histogram histogram, double value, absl::string_view label = "") = 0;

  // Where one of several devices reports what its engine does: kTokens, kRequestsRunning,
  // kKvCacheUsageRatio, kEstimatedQueueDelaySeconds, kLmStepSeconds, kBatchSize. Called before
  // anything is reported; lives as long as this.
  virtual MetricsSink* ForDevice(absl::string_view /*device*/) { return this; }
};

// A sink that drops everything.
class NullMetricsSink final : public MetricsSink {
 public:
  void Add(Counter, double, absl::string_view) override {}
  void Set(Gauge, double) override {}
  void Observe(Histogram, double, absl::string_view) override {}
};

}  // namespace vidmuse

#endif  // VIDMUSE_METRICS_SINK_H_
