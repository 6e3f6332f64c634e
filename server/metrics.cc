#include "server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <array>
#include <utility>

#include "server/labelled_metrics.h"
#include "server/metric_table.h"

namespace vidmuse {
namespace {

using prometheus::Labels;

// Splits a label such as "INVALID_ARGUMENT/protocol" into code and reason.
Labels RequestLabels(absl::string_view label) {
  const size_t slash = label.find('/');
  if (slash == absl::string_view::npos) return {{"code", std::string(label)}, {"reason", ""}};
  return {{"code", std::string(label.substr(0, slash))},
          {"reason", std::string(label.substr(slash + 1))}};
}

LabelledMetrics<prometheus::Counter>::Make CounterBy(
    prometheus::Family<prometheus::Counter>& family, Labels (*labels)(absl::string_view)) {
  return [&family, labels ](absl::string_view label) -> auto& { return family.Add(labels(label)); };
}

}  // namespace

struct PrometheusMetrics::Handles {
  // Leaves out what engines report if `has_devices` is set.
  Handles(prometheus::Registry& registry, const Labels& common, bool has_devices);

  LabelledMetrics<prometheus::Counter> requests;
  LabelledMetrics<prometheus::Counter> wasted_tokens;
  LabelledMetrics<prometheus::Histogram> stages;
  // Null if the metric has labels and so is one of the above, or if the devices report it.
  std::array<prometheus::Counter*, kCounters> counters{};
  std::array<prometheus::Gauge*, kGauges> gauges{};
  std::array<prometheus::Histogram*, kHistograms> histograms{};
};

PrometheusMetrics::Handles::Handles(prometheus::Registry& registry, const Labels& common,
                                    bool has_devices)
    : requests(CounterBy(Register(registry, Counter::kRequests, common), RequestLabels)),
      wasted_tokens(CounterBy(Register(registry, Counter::kWastedTokens, common),
                              [](absl::string_view label) -> Labels {
                                return {{"cause", std::string(label)}};
                              })),
      stages([&family = Register(registry, Histogram::kStageSeconds, common)](
                 absl::string_view label) -> auto& {
        return family.Add({{"stage", std::string(label)}},
                          SpecOf(Histogram::kStageSeconds).buckets);
      }) {
  for (const Counter id : {Counter::kAudioSeconds, Counter::kTokens, Counter::kVideoBytes,
                           Counter::kVideosDecodedEarly, Counter::kStreamUnderruns}) {
    if (has_devices && ReportedByEngine(id)) continue;
    counters[Index(id)] = &Register(registry, id, common).Add({});
  }
  for (size_t i = 0; i < kGauges; ++i) {
    const auto id = static_cast<Gauge>(i);
    if (has_devices && ReportedByEngine(id)) continue;
    gauges[i] = &Register(registry, id, common).Add({});
  }
  for (size_t i = 0; i < kHistograms; ++i) {
    const auto id = static_cast<Histogram>(i);
    if (id == Histogram::kStageSeconds || (has_devices && ReportedByEngine(id))) continue;
    histograms[i] = &Register(registry, id, common).Add({}, SpecOf(id).buckets);
  }
}

PrometheusMetrics::PrometheusMetrics() : registry_(std::make_shared<prometheus::Registry>()) {}

PrometheusMetrics::~PrometheusMetrics() = default;

void PrometheusMetrics::Describe(const ModelInfo& model, absl::string_view version) {
  common_labels_ = {{"model", model.name}, {"device", model.device}};
  handles_ = std::make_unique<Handles>(*registry_, common_labels_, !devices_.empty());
  for (const auto& device : devices_) device->Describe(model.name);
  prometheus::BuildGauge()
      .Name("vidmuse_build_info")
      .Help("Always 1; the labels say what runs.")
      .Labels(common_labels_)
      .Register(*registry_)
      .Add({{"version", std::string(version)}, {"precision", model.precision}})
      .Set(1);
  const auto describe = [&](const char* name, const char* help, int value) {
    prometheus::BuildGauge()
        .Name(name)
        .Help(help)
        .Labels(common_labels_)
        .Register(*registry_)
        .Add({})
        .Set(value);
  };
  describe("vidmuse_step_graphs",
           "Shapes of a step recorded as the device's graphs; 0: steps run eagerly.",
           model.step_graphs);
  describe("vidmuse_step_kernels",
           "1: steps run by this project's CUDA kernels; 0: by LibTorch's operations.",
           model.step_kernels ? 1 : 0);
  published_.store(handles_.get(), std::memory_order_release);
}

MetricsSink* PrometheusMetrics::ForDevice(absl::string_view device) {
  return devices_.emplace_back(std::make_unique<DeviceMetrics>(device)).get();
}

std::shared_ptr<prometheus::Collectable> PrometheusMetrics::Page(
    std::vector<ReadMetric> more) const {
  std::vector<std::shared_ptr<prometheus::Registry>> registries = {registry_};
  for (const auto& device : devices_) registries.push_back(device->registry());
  return std::make_shared<MetricsPage>(std::move(registries), common_labels_, std::move(more));
}

void PrometheusMetrics::Add(Counter counter, double value, absl::string_view label) {
  Handles* handles = published_.load(std::memory_order_acquire);
  if (handles == nullptr) return;
  switch (counter) {
    case Counter::kRequests:
      return handles->requests.Get(label).Increment(value);
    case Counter::kWastedTokens:
      return handles->wasted_tokens.Get(label).Increment(value);
    default:
      return handles->counters[Index(counter)]->Increment(value);
  }
}

void PrometheusMetrics::Set(Gauge gauge, double value) {
  Handles* handles = published_.load(std::memory_order_acquire);
  if (handles != nullptr) handles->gauges[Index(gauge)]->Set(value);
}

std::vector<double> PrometheusMetrics::ValuesOf(Gauge gauge) const {
  std::vector<double> values;
  if (ReportedByEngine(gauge) && !devices_.empty()) {
    for (const auto& device : devices_) values.push_back(device->ValueOf(gauge));
  } else if (const Handles* handles = published_.load(std::memory_order_acquire)) {
    values.push_back(handles->gauges[Index(gauge)]->Value());
  }
  return values;
}

void PrometheusMetrics::Observe(Histogram histogram, double value, absl::string_view label) {
  Handles* handles = published_.load(std::memory_order_acquire);
  if (handles == nullptr) return;
  if (histogram == Histogram::kStageSeconds) return handles->stages.Get(label).Observe(value);
  handles->histograms[Index(histogram)]->Observe(value);
}

}  // namespace vidmuse
