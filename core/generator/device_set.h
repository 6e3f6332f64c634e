// The devices that a generator spreads its requests over.
#ifndef VIDMUSE_GENERATOR_DEVICE_SET_H_
#define VIDMUSE_GENERATOR_DEVICE_SET_H_

#include <atomic>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/engine/engine.h"
#include "core/model/music_model.h"
#include "vidmuse/generator.h"
#include "vidmuse/metrics_sink.h"

namespace vidmuse {

// A model, and the thread that runs its steps.
struct Device {
  std::unique_ptr<MusicModel> model;
  std::unique_ptr<Engine> engine;  // after the model: it uses it
  std::atomic<int> requests{0};    // that it has yet to make tokens for, uploads included
};

// Counts a request at its device while it lives.
class DeviceShare {
 public:
  explicit DeviceShare(std::atomic<int>* requests) : requests_(requests) { ++*requests_; }
  ~DeviceShare() { --*requests_; }
  DeviceShare(const DeviceShare&) = delete;
  DeviceShare& operator=(const DeviceShare&) = delete;

 private:
  std::atomic<int>* const requests_;
};

// Memory for the windows of running requests, of the device that runs `model`: what the model sets
// aside, or GeneratorOptions::max_kv_bytes, or half of `available` bytes, but at least one window.
// INVALID_ARGUMENT: max_kv_bytes doesn't hold the largest window that the limits let in.
// RESOURCE_EXHAUSTED: nor does all of the memory. `available` is 0 where that isn't known.
absl::StatusOr<size_t> KvBudget(const MusicModel& model, const GeneratorOptions& options,
                                uint64_t available);

// Thread-safe. The models are copies of one another.
class DeviceSet {
 public:
  // At least one model. `kv_bytes`: the budget of each. With several, each engine reports to
  // MetricsSink::ForDevice.
  DeviceSet(std::vector<std::unique_ptr<MusicModel>> models, const std::vector<size_t>& kv_bytes,
            const GeneratorOptions& options, const Clock* clock, MetricsSink* metrics);

  size_t size() const { return devices_.size(); }
  Device& operator[](size_t i) { return *devices_[i]; }
  // Of all together: `device` is the list.
  const ModelInfo& info() const { return info_; }

  // Of the devices that work, the one with the fewest requests; among equals, the one with the
  // fewest frames to make. Of all devices if none works.
  size_t LeastLoaded() const;
  // Of that device.
  SchedulerLoad NextLoad() const;
  // UNAVAILABLE if no device works. One that works takes the requests of one that doesn't.
  absl::Status CheckDevices() const;
  // UNAVAILABLE names a device that is stuck (see Engine::CheckProgress).
  absl::Status CheckProgress(absl::Duration step_limit, absl::Duration window_limit) const;

 private:
  std::vector<std::unique_ptr<Device>> devices_;  // constant after construction
  ModelInfo info_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_GENERATOR_DEVICE_SET_H_
