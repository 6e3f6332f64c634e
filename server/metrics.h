// Exposes the core's measurements as Prometheus metrics.
#ifndef VIDMUSE_SERVER_METRICS_H_
#define VIDMUSE_SERVER_METRICS_H_

#include <prometheus/collectable.h>
#include <prometheus/registry.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/device_metrics.h"
#include "server/metrics_page.h"
#include "vidmuse/metrics_sink.h"
#include "vidmuse/model_info.h"

namespace vidmuse {

// Names start with `vidmuse_`. Each metric has the labels `model` and `device`. Add, Set,
// Observe and ValuesOf are thread-safe; the other methods must be called by one thread at a time.
class PrometheusMetrics final : public MetricsSink {
 public:
  PrometheusMetrics();
  ~PrometheusMetrics() override;

  // Creates the metrics. Call it once, when the model is loaded. Anything reported earlier is
  // dropped.
  void Describe(const ModelInfo& model, absl::string_view version);

  void Add(Counter counter, double value, absl::string_view label = "") override;
  void Set(Gauge gauge, double value) override;
  void Observe(Histogram histogram, double value, absl::string_view label = "") override;
  MetricsSink* ForDevice(absl::string_view device) override;

  // The gauge as it is now, of each device if engines report it.
  std::vector<double> ValuesOf(Gauge gauge) const;

  std::shared_ptr<prometheus::Registry> registry() const { return registry_; }
  // The metrics page: everything that was reported, and `more`.
  std::shared_ptr<prometheus::Collectable> Page(std::vector<ReadMetric> more) const;

 private:
  struct Handles;

  const std::shared_ptr<prometheus::Registry> registry_;
  prometheus::Labels common_labels_;
  std::unique_ptr<Handles> handles_;
  std::atomic<Handles*> published_{nullptr};             // `handles_` once it is complete
  std::vector<std::unique_ptr<DeviceMetrics>> devices_;  // doesn't change after Describe
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_METRICS_H_
