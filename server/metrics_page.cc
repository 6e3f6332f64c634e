#include "server/metrics_page.h"

#include <algorithm>
#include <utility>

namespace vidmuse {
namespace {

// Adds `families` to `all` and merges those of the same name, since a page names each only once.
void Merge(std::vector<prometheus::MetricFamily> families,
           std::vector<prometheus::MetricFamily>* all) {
  for (prometheus::MetricFamily& family : families) {
    const auto same = std::find_if(all->begin(), all->end(),
                                   [&](const auto& other) { return other.name == family.name; });
    if (same == all->end()) {
      all->push_back(std::move(family));
    } else {
      same->metric.insert(same->metric.end(), family.metric.begin(), family.metric.end());
    }
  }
}

}  // namespace

MetricsPage::MetricsPage(Registries registries, const prometheus::Labels& labels,
                         std::vector<ReadMetric> more)
    : registries_(std::move(registries)), more_(std::move(more)) {
  for (const auto& [name, value] : labels) labels_.push_back({name, value});
}

std::vector<prometheus::MetricFamily> MetricsPage::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  for (const auto& registry : registries_) Merge(registry->Collect(), &families);
  for (const ReadMetric& metric : more_) {
    prometheus::ClientMetric sample;
    sample.label = labels_;
    (metric.type == prometheus::MetricType::Counter ? sample.counter.value : sample.gauge.value) =
        metric.value();
    families.push_back({metric.name, metric.help, metric.type, {sample}});
  }
  return families;
}

}  // namespace vidmuse
