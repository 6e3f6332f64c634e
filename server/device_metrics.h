// The metrics that one device's engine reports.
#ifndef VIDMUSE_SERVER_DEVICE_METRICS_H_
#define VIDMUSE_SERVER_DEVICE_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "server/metric_table.h"
#include "vidmuse/metrics_sink.h"

namespace vidmuse {

// Drops everything that is reported before Describe. Add, Set, ValueOf and Observe are thread-safe,
// and must be called only with metrics that engines report.
class DeviceMetrics final : public MetricsSink {
 public:
  explicit DeviceMetrics(absl::string_view device) : device_(device) {}

  std::shared_ptr<prometheus::Registry> registry() const { return registry_; }

  // Creates the metrics. Call it once, when the model is loaded.
  void Describe(const std::string& model);

  void Add(Counter counter, double value, absl::string_view label) override;
  void Set(Gauge gauge, double value) override;
  double ValueOf(Gauge gauge) const;
  void Observe(Histogram histogram, double value, absl::string_view label) override;

 private:
  // Null for metrics that engines don't report.
  struct Metrics {
    std::array<prometheus::Counter*, kCounters> counters{};
    std::array<prometheus::Gauge*, kGauges> gauges{};
    std::array<prometheus::Histogram*, kHistograms> histograms{};
  };

  const std::string device_;
  // A registry has one family per name, whose labels name one device, so each device has its own.
  const std::shared_ptr<prometheus::Registry> registry_ = std::make_shared<prometheus::Registry>();
  std::unique_ptr<Metrics> metrics_;
  std::atomic<Metrics*> published_{nullptr};
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_DEVICE_METRICS_H_
