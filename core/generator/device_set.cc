#include "core/generator/device_set.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/engine/window_plan.h"
#include "core/engine/window_sequence.h"

namespace vidmuse {
namespace {

// Bytes of the largest window of a request, which is as long as the model's reach or the longest
// video, whichever is shorter.
size_t LargestWindow(const MusicModel& model, const Limits& limits) {
  const double seconds = std::min(limits.max_video_seconds, 1.0 * kWindowFrames / kFrameRate);
  const WindowSpec window = PlanWindows(std::max(1, static_cast<int>(seconds))).front();
  return model.WindowBytes(window.local_count,
                           WindowSequence::Capacity(window.frames, model.info().codebooks));
}

}  // namespace

absl::StatusOr<size_t> KvBudget(const MusicModel& model, const GeneratorOptions& options,
                                uint64_t available) {
  const size_t largest = LargestWindow(model, options.limits);
  if (options.max_kv_bytes > 0 && options.max_kv_bytes < largest) {
    return absl::InvalidArgumentError(absl::StrCat("max_kv_bytes is ", options.max_kv_bytes,
                                                   ", but one request's window takes up to ",
                                                   largest, " bytes"));
  }
  const size_t own = model.WindowMemory();
  if (own > 0) return options.max_kv_bytes > 0 ? std::min(own, options.max_kv_bytes) : own;
  if (options.max_kv_bytes > 0) return options.max_kv_bytes;
  if (available == 0) return largest * options.limits.max_batch;
  if (available < largest) {
    return absl::ResourceExhaustedError(absl::StrCat(available,
                                                     " bytes of memory are free, but one request's "
                                                     "window takes up to ",
                                                     largest));
  }
  const size_t half = available / 2;
  if (half < largest && options.warn) {
    options.warn(absl::StrCat("only one request runs at a time: ", available,
                              " bytes of memory are free, and a window takes up to ", largest));
  }
  return std::max(half, largest);
}

DeviceSet::DeviceSet(std::vector<std::unique_ptr<MusicModel>> models,
                     const std::vector<size_t>& kv_bytes, const GeneratorOptions& options,
                     const Clock* clock, MetricsSink* metrics)
    : info_(models[0]->info()) {
  SchedulerOptions engine;
  engine.max_batch = options.limits.max_batch;
  engine.stream_lead = absl::Seconds(options.stream_lead_seconds);
  for (std::unique_ptr<MusicModel>& model : models) {
    auto device = std::make_unique<Device>();
    const std::string& name = model->info().device;
    MetricsSink* sink = models.size() == 1 ? metrics : metrics->ForDevice(name);
    engine.max_kv_bytes = kv_bytes[devices_.size()];
    device->model = std::move(model);
    device->engine = std::make_unique<Engine>(device->model.get(), engine, 1, clock, sink);
    if (!devices_.empty()) {
      info_.step_graphs = std::min(info_.step_graphs, device->model->info().step_graphs);
      info_.step_kernels = info_.step_kernels && device->model->info().step_kernels;
      absl::StrAppend(&info_.device, ",", name);
    }
    devices_.push_back(std::move(device));
  }
}

size_t DeviceSet::LeastLoaded() const {
  // Working devices come first: one whose requests all fail at once would have the fewest.
  using Load = std::tuple<bool, int, int64_t>;
  size_t best = 0;
  Load least;
  for (size_t i = 0; i < devices_.size(); ++i) {
    const SchedulerLoad engine = devices_[i]->engine->load();
    const Load load{!engine.device.ok(), devices_[i]->requests.load(), engine.backlog_frames()};
    if (i > 0 && load >= least) continue;
    best = i;
    least = load;
  }
  return best;
}

SchedulerLoad DeviceSet::NextLoad() const { return devices_[LeastLoaded()]->engine->load(); }

absl::Status DeviceSet::CheckDevices() const {
  absl::Status status;
  for (const auto& device : devices_) {
    status = device->engine->CheckDevice();
    if (status.ok()) return status;
  }
  return status;
}

absl::Status DeviceSet::CheckProgress(absl::Duration step_limit,
                                      absl::Duration window_limit) const {
  for (const auto& device : devices_) {
    const absl::Status status = device->engine->CheckProgress(step_limit, window_limit);
    if (!status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat(device->model->info().device, ": ", status.message()));
    }
  }
  return absl::OkStatus();
}

}  // namespace vidmuse
