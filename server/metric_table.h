// Which metrics there are: their names, what they mean, their buckets.
#ifndef VIDMUSE_SERVER_METRIC_TABLE_H_
#define VIDMUSE_SERVER_METRIC_TABLE_H_

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/labels.h>
#include <prometheus/registry.h>

#include <cstddef>
#include <vector>

#include "vidmuse/metrics_sink.h"

namespace vidmuse {

template <typename Id>
constexpr size_t Index(Id id) {
  return static_cast<size_t>(id);
}

struct MetricSpec {
  const char* name;
  const char* help;
  std::vector<double> buckets = {};  // for histograms only
};

MetricSpec SpecOf(Counter counter);
MetricSpec SpecOf(Gauge gauge);
MetricSpec SpecOf(Histogram histogram);

constexpr size_t kCounters = Index(Counter::kStreamUnderruns) + 1;
constexpr size_t kGauges = Index(Gauge::kDraining) + 1;
constexpr size_t kHistograms = Index(Histogram::kRealtimeFactor) + 1;

// Whether a metric is reported per device when there is more than one.
bool ReportedByEngine(Counter counter);
bool ReportedByEngine(Gauge gauge);
bool ReportedByEngine(Histogram histogram);

// Adds a metric to the registry. `common` are labels of all its series.
prometheus::Family<prometheus::Counter>& Register(prometheus::Registry& registry, Counter counter,
                                                  const prometheus::Labels& common);
prometheus::Family<prometheus::Gauge>& Register(prometheus::Registry& registry, Gauge gauge,
                                                const prometheus::Labels& common);
prometheus::Family<prometheus::Histogram>& Register(prometheus::Registry& registry,
                                                    Histogram histogram,
                                                    const prometheus::Labels& common);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_METRIC_TABLE_H_
