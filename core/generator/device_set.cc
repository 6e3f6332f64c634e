#include "core/generator/device_set.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/memory.h"

namespace vidmuse {
namespace {

// Memory for running requests, of one device.
size_t KvBytes(const MusicModel& model, const GeneratorOptions& options) {
  const size_t own = model.WindowMemory();
  if (own == 0) return options.max_kv_bytes > 0 ? options.max_kv_bytes : AvailableMemory() / 2;
  return options.max_kv_bytes > 0 ? std::min(own, options.max_kv_bytes) : own;
}

}  // namespace

DeviceSet::DeviceSet(std::vector<std::unique_ptr<MusicModel>> models,
                     const GeneratorOptions& options, const Clock* clock, MetricsSink* metrics)
    : info_(models[0]->info()) {
  SchedulerOptions engine;
  engine.max_batch = options.limits.max_batch;
  for (std::unique_ptr<MusicModel>& model : models) {
    auto device = std::make_unique<Device>();
    const std::string& name = model->info().device;
    MetricsSink* sink = models.size() == 1 ? metrics : metrics->ForDevice(name);
    engine.max_kv_bytes = KvBytes(*model, options);
    device->model = std::move(model);
    device->engine = std::make_unique<Engine>(device->model.get(), engine, 1, clock, sink);
    if (!devices_.empty()) {
      info_.step_graphs = std::min(info_.step_graphs, device->model->info().step_graphs);
      absl::StrAppend(&info_.device, ",", name);
    }
    devices_.push_back(std::move(device));
  }
}

size_t DeviceSet::LeastLoaded() const {
  size_t best = 0;
  std::pair<int, int64_t> least;
  for (size_t i = 0; i < devices_.size(); ++i) {
    const std::pair load{devices_[i]->requests.load(), devices_[i]->engine->load().backlog_frames};
    if (i > 0 && load >= least) continue;
    best = i;
    least = load;
  }
  return best;
}

SchedulerLoad DeviceSet::NextLoad() const { return devices_[LeastLoaded()]->engine->load(); }

absl::Status DeviceSet::CheckProgress(absl::Duration limit) const {
  for (const auto& device : devices_) {
    const absl::Status status = device->engine->CheckProgress(limit);
    if (!status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat(device->model->info().device, ": ", status.message()));
    }
  }
  return absl::OkStatus();
}

}  // namespace vidmuse
