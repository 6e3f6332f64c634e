#include "server/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "core/base/mutex.h"

namespace vidmuse {
namespace {

using prometheus::Labels;

template <typename Id>
constexpr size_t Index(Id id) {
  return static_cast<size_t>(id);
}

struct Spec {
  const char* name;
  const char* help;
  std::vector<double> buckets = {};  // for histograms only
};

constexpr size_t kCounters = Index(Counter::kStreamUnderruns) + 1;
constexpr size_t kGauges = Index(Gauge::kDraining) + 1;
constexpr size_t kHistograms = Index(Histogram::kRealtimeFactor) + 1;

Spec SpecOf(Counter counter) {
  switch (counter) {
    case Counter::kRequests:
      return {"vidmuse_requests_total",
              "Requests that ended, by status code and reason; OK: the client was sent all of it."};
    case Counter::kAudioSeconds:
      return {"vidmuse_audio_seconds_total", "Seconds of music delivered."};
    case Counter::kTokens:
      return {"vidmuse_tokens_total", "Tokens sampled."};
    case Counter::kWastedTokens:
      return {"vidmuse_wasted_tokens_total", "Tokens of requests that ended early, by cause."};
    case Counter::kVideoBytes:
      return {"vidmuse_video_bytes_total", "Bytes of video received."};
    case Counter::kStreamUnderruns:
      return {"vidmuse_stream_underruns_total",
              "Streams that would have run dry, played in real time from their first chunk on."};
  }
  return {};
}

Spec SpecOf(Gauge gauge) {
  switch (gauge) {
    case Gauge::kRequestsRunning:
      return {"vidmuse_requests_running", "Requests that the device works on."};
    case Gauge::kRequestsWaiting:
      return {"vidmuse_requests_waiting", "Requests admitted and not yet running."};
    case Gauge::kEstimatedQueueDelaySeconds:
      return {"vidmuse_estimated_queue_delay_seconds", "Wait that a new request would have now."};
    case Gauge::kKvCacheUsageRatio:
      return {"vidmuse_kv_cache_usage_ratio", "Share of the KV cache's memory in use, 0 to 1."};
    case Gauge::kDraining:
      return {"vidmuse_draining", "1 while the server takes no new requests."};
  }
  return {};
}

Spec SpecOf(Histogram histogram) {
  switch (histogram) {
    case Histogram::kRequestSeconds:
      return {"vidmuse_request_duration_seconds",
              "Submission to end of a request.",
              {0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600}};
    case Histogram::kQueueSeconds:
      return {"vidmuse_request_queue_seconds",
              "Time that a request waited for a place.",
              {0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600}};
    case Histogram::kTimeToFirstAudioSeconds:
      return {"vidmuse_time_to_first_audio_seconds",
              "Submission to the first bytes of audio, of requests that are streamed: reference "
              "loudness gives audio at the end.",
              {0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600}};
    case Histogram::kInterChunkSeconds:
      return {"vidmuse_inter_chunk_seconds",
              "Time between two chunks of a request.",
              {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30}};
    case Histogram::kStageSeconds:
      return {"vidmuse_stage_seconds",
              "Time that a request spent in a stage.",
              {0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}};
    case Histogram::kLmStepSeconds:
      return {"vidmuse_lm_step_seconds",
              "Time of one decoding step of the token model.",
              {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5}};
    case Histogram::kBatchSize:
      return {"vidmuse_batch_size",
              "Requests in a decoding step.",
              {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256}};
    case Histogram::kRealtimeFactor:
      return {
          "vidmuse_realtime_factor",
          "Seconds of music that a request made per second of its windows' opening and decoding "
          "steps: without waiting, its upload and its reader's pace.",
          {0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 50}};
  }
  return {};
}

// Metrics that are reported per device when there is more than one.
bool ReportedByEngine(Counter counter) { return counter == Counter::kTokens; }
bool ReportedByEngine(Gauge gauge) {
  return gauge == Gauge::kRequestsRunning || gauge == Gauge::kKvCacheUsageRatio ||
         gauge == Gauge::kEstimatedQueueDelaySeconds;
}
bool ReportedByEngine(Histogram histogram) {
  return histogram == Histogram::kLmStepSeconds || histogram == Histogram::kBatchSize;
}

// Splits a label such as "INVALID_ARGUMENT/protocol" into code and reason.
Labels RequestLabels(absl::string_view label) {
  const size_t slash = label.find('/');
  if (slash == absl::string_view::npos) return {{"code", std::string(label)}, {"reason", ""}};
  return {{"code", std::string(label.substr(0, slash))},
          {"reason", std::string(label.substr(slash + 1))}};
}

// Caches a family's metrics by the core's label, because a look-up in the family itself needs a
// whole map of labels. Thread-safe.
template <typename Metric>
class Labelled {
 public:
  using Make = std::function<Metric&(absl::string_view)>;

  explicit Labelled(Make make) : make_(std::move(make)) {}

  Metric& Get(absl::string_view label) {
    MutexLock lock(&mutex_);
    const auto found = metrics_.find(label);
    if (found != metrics_.end()) return *found->second;
    // Labels come from code, not from clients. The limit bounds the memory that a mistake can take.
    constexpr size_t kMaxLabels = 100;
    if (metrics_.size() >= kMaxLabels) label = "other";
    Metric*& metric = metrics_[std::string(label)];
    if (metric == nullptr) metric = &make_(label);
    return *metric;
  }

 private:
  const Make make_;
  Mutex mutex_;
  absl::flat_hash_map<std::string, Metric*> metrics_ ABSL_GUARDED_BY(mutex_);
};

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

class MetricsPage final : public prometheus::Collectable {
 public:
  using Registries = std::vector<std::shared_ptr<prometheus::Registry>>;

  MetricsPage(Registries registries, const Labels& labels, std::vector<ReadMetric> more)
      : registries_(std::move(registries)), more_(std::move(more)) {
    for (const auto& [name, value] : labels) labels_.push_back({name, value});
  }

  std::vector<prometheus::MetricFamily> Collect() const override {
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

 private:
  const Registries registries_;
  std::vector<prometheus::ClientMetric::Label> labels_;
  const std::vector<ReadMetric> more_;
};

}  // namespace

struct PrometheusMetrics::Handles {
  // Leaves out what engines report if `has_devices` is set.
  Handles(prometheus::Registry& registry, const Labels& common, bool has_devices);

  Labelled<prometheus::Counter> requests;
  Labelled<prometheus::Counter> wasted_tokens;
  Labelled<prometheus::Histogram> stages;
  // Null if the metric has labels and so is one of the above, or if the devices report it.
  std::array<prometheus::Counter*, kCounters> counters{};
  std::array<prometheus::Gauge*, kGauges> gauges{};
  std::array<prometheus::Histogram*, kHistograms> histograms{};
};

namespace {

prometheus::Family<prometheus::Counter>& Register(prometheus::Registry& registry, Counter counter,
                                                  const Labels& common) {
  const Spec spec = SpecOf(counter);
  return prometheus::BuildCounter().Name(spec.name).Help(spec.help).Labels(common).Register(
      registry);
}

prometheus::Family<prometheus::Histogram>& Register(prometheus::Registry& registry,
                                                    Histogram histogram, const Labels& common) {
  const Spec spec = SpecOf(histogram);
  return prometheus::BuildHistogram().Name(spec.name).Help(spec.help).Labels(common).Register(
      registry);
}

prometheus::Family<prometheus::Gauge>& Register(prometheus::Registry& registry, Gauge gauge,
                                                const Labels& common) {
  const Spec spec = SpecOf(gauge);
  return prometheus::BuildGauge().Name(spec.name).Help(spec.help).Labels(common).Register(registry);
}

Labelled<prometheus::Counter>::Make CounterBy(prometheus::Family<prometheus::Counter>& family,
                                              Labels (*labels)(absl::string_view)) {
  return [&family, labels ](absl::string_view label) -> auto& { return family.Add(labels(label)); };
}

}  // namespace

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
                           Counter::kStreamUnderruns}) {
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

// Thread-safe. Drops everything reported before Describe.
class PrometheusMetrics::DeviceSink final : public MetricsSink {
 public:
  explicit DeviceSink(absl::string_view device) : device_(device) {}

  std::shared_ptr<prometheus::Registry> registry() const { return registry_; }

  void Describe(const std::string& model) {
    prometheus::Registry& registry = *registry_;
    const Labels common = {{"model", model}, {"device", device_}};
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

  void Add(Counter counter, double value, absl::string_view /*label*/) override {
    const Metrics* metrics = published_.load(std::memory_order_acquire);
    if (metrics != nullptr) metrics->counters[Index(counter)]->Increment(value);
  }
  void Set(Gauge gauge, double value) override {
    const Metrics* metrics = published_.load(std::memory_order_acquire);
    if (metrics != nullptr) metrics->gauges[Index(gauge)]->Set(value);
  }
  void Observe(Histogram histogram, double value, absl::string_view /*label*/) override {
    const Metrics* metrics = published_.load(std::memory_order_acquire);
    if (metrics != nullptr) metrics->histograms[Index(histogram)]->Observe(value);
  }

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
  prometheus::BuildGauge()
      .Name("vidmuse_step_graphs")
      .Help("Shapes of a step recorded as the device's graphs; 0: steps run eagerly.")
      .Labels(common_labels_)
      .Register(*registry_)
      .Add({})
      .Set(model.step_graphs);
  published_.store(handles_.get(), std::memory_order_release);
}

MetricsSink* PrometheusMetrics::ForDevice(absl::string_view device) {
  return devices_.emplace_back(std::make_unique<DeviceSink>(device)).get();
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

void PrometheusMetrics::Observe(Histogram histogram, double value, absl::string_view label) {
  Handles* handles = published_.load(std::memory_order_acquire);
  if (handles == nullptr) return;
  if (histogram == Histogram::kStageSeconds) return handles->stages.Get(label).Observe(value);
  handles->histograms[Index(histogram)]->Observe(value);
}

}  // namespace vidmuse
