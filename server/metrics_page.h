// The page of metrics that Prometheus reads.
#ifndef VIDMUSE_SERVER_METRICS_PAGE_H_
#define VIDMUSE_SERVER_METRICS_PAGE_H_

#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/labels.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>
#include <prometheus/registry.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace vidmuse {

// A metric whose value is read each time the metrics page is served.
struct ReadMetric {
  prometheus::MetricType type;  // Counter or Gauge
  std::string name;
  std::string help;
  std::function<double()> value;
};

// Joins registries that hold the same metrics with other labels. Thread-safe.
class MetricsPage final : public prometheus::Collectable {
 public:
  using Registries = std::vector<std::shared_ptr<prometheus::Registry>>;

  // `labels` are those of `more`.
  MetricsPage(Registries registries, const prometheus::Labels& labels,
              std::vector<ReadMetric> more);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Registries registries_;
  std::vector<prometheus::ClientMetric::Label> labels_;
  const std::vector<ReadMetric> more_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_METRICS_PAGE_H_
