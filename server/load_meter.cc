#include "server/load_meter.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "server/grpc_status.h"

namespace vidmuse {
namespace {

constexpr absl::Duration kMemory = absl::Minutes(1);
constexpr double kSecondsPerUnit = 10;

double Sum(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

// GCC warns falsely of a literal as a map's key.
void Put(const std::string& name, double value,
         google::protobuf::Map<std::string, double>* values) {
  (*values)[name] = value;
}

}  // namespace

void LoadMeter::Rate::Add(absl::Duration now) {
  events_ = At(now) * absl::ToDoubleSeconds(kMemory) + 1;
  last_ = now;
}

double LoadMeter::Rate::At(absl::Duration now) const {
  return events_ * std::exp(-absl::FDivDuration(now - last_, kMemory)) /
         absl::ToDoubleSeconds(kMemory);
}

LoadMeter::LoadMeter(const PrometheusMetrics* metrics, int max_batch, const Clock* clock)
    : metrics_(metrics), max_batch_(max_batch), clock_(clock) {}

void LoadMeter::OnCallEnd(absl::StatusCode code) {
  const absl::Duration now = clock_->Monotonic();
  MutexLock lock(&mutex_);
  calls_.Add(now);
  if (IsServerFault(code)) errors_.Add(now);
}

xds::data::orca::v3::OrcaLoadReport LoadMeter::Report() const {
  const std::vector<double> running = metrics_->ValuesOf(Gauge::kRequestsRunning);
  const std::vector<double> kv_cache = metrics_->ValuesOf(Gauge::kKvCacheUsageRatio);
  const std::vector<double> delay = metrics_->ValuesOf(Gauge::kEstimatedQueueDelaySeconds);
  const auto devices = static_cast<double>(std::max<size_t>(1, running.size()));
  const double batch = std::clamp(Sum(running) / (devices * max_batch_), 0.0, 1.0);
  const double memory = std::clamp(Sum(kv_cache) / devices, 0.0, 1.0);
  const double wait = delay.empty() ? 0 : *std::min_element(delay.begin(), delay.end());

  xds::data::orca::v3::OrcaLoadReport report;
  Put("batch", batch, report.mutable_utilization());
  Put("kv_cache", memory, report.mutable_utilization());
  Put("queue_delay_seconds", wait, report.mutable_named_metrics());
  report.set_application_utilization(std::max(batch, memory) + wait / kSecondsPerUnit);
  const absl::Duration now = clock_->Monotonic();
  MutexLock lock(&mutex_);
  report.set_rps_fractional(calls_.At(now));
  report.set_eps(errors_.At(now));
  return report;
}

}  // namespace vidmuse
