#include "server/device_metrics.h"

#include <utility>

namespace vidmuse {

void DeviceMetrics::Describe(const std::string& model) {
  prometheus::Registry& registry = *registry_;
  const prometheus::Labels common = {{"model", model}, {"device", device_}};
  auto metrics = std::make_unique<Metrics>();
  for (size_t i = 0; i < kCounters; ++i) {
    const auto id = static_cast<Counter>(i);
    if (ReportedByEngine(id)) metrics->counters[i] = &Register(registry, id, common).Add({});
  }
  for (size_t i = 0; i < kGauges; ++i) {
    const auto id = static_cast<Gauge>(i);
    if (ReportedByEngine(id)) metrics->gauges[i] = &Register(registry, id, common).Add({});
  }
  for (size_t i = 0; i < kHistograms; ++i) {
    const auto id = static_cast<Histogram>(i);
    if (!ReportedByEngine(id)) continue;
    metrics->histograms[i] = &Register(registry, id, common).Add({}, SpecOf(id).buckets);
  }
  metrics_ = std::move(metrics);
  published_.store(metrics_.get(), std::memory_order_release);
}

void DeviceMetrics::Add(Counter counter, double value, absl::string_view /*label*/) {
  const Metrics* metrics = published_.load(std::memory_order_acquire);
  if (metrics != nullptr) metrics->counters[Index(counter)]->Increment(value);
}

void DeviceMetrics::Set(Gauge gauge, double value) {
  const Metrics* metrics = published_.load(std::memory_order_acquire);
  if (metrics != nullptr) metrics->gauges[Index(gauge)]->Set(value);
}

double DeviceMetrics::ValueOf(Gauge gauge) const {
  const Metrics* metrics = published_.load(std::memory_order_acquire);
  return metrics == nullptr ? 0 : metrics->gauges[Index(gauge)]->Value();
}

void DeviceMetrics::Observe(Histogram histogram, double value, absl::string_view /*label*/) {
  const Metrics* metrics = published_.load(std::memory_order_acquire);
  if (metrics != nullptr) metrics->histograms[Index(histogram)]->Observe(value);
}

}  // namespace vidmuse
