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

// A model with the engine that runs its steps.
struct Device {
  std::unique_ptr<MusicModel> model;
  std::unique_ptr<Engine> engine;  // declared after the model, which it uses
  std::atomic<int> requests{0};    // assigned requests without all their tokens, uploads included
};

// Counts one request at its device for as long as this object lives.
class DeviceShare {
 public:
  explicit DeviceShare(std::atomic<int>* requests) : requests_(requests) { ++*requests_; }
  ~DeviceShare() { --*requests_; }
  DeviceShare(const DeviceShare&) = delete;
  DeviceShare& operator=(const DeviceShare&) = delete;

 private:
  std::atomic<int>* const requests_;
};

// Bytes of KV cache for the running requests on the device that runs `model`. If the model sets
// memory aside, that is the budget, or GeneratorOptions::max_kv_bytes if that is smaller. Otherwise
// it is max_kv_bytes if set, else half of `available` but at least the largest window that the
// limits admit. `available` is the free memory in bytes; if it is 0, which means not known, the
// budget is max_batch such windows.
// INVALID_ARGUMENT: max_kv_bytes doesn't hold the largest window.
// RESOURCE_EXHAUSTED: `available` doesn't hold it.
absl::StatusOr<size_t> KvBudget(const MusicModel& model, const GeneratorOptions& options,
                                uint64_t available);

// Thread-safe. All devices run the same model.
class DeviceSet {
 public:
  // `models` holds at least one model, and `kv_bytes` the budget of each. With several models, each
  // engine reports its metrics to MetricsSink::ForDevice.
  DeviceSet(std::vector<std::unique_ptr<MusicModel>> models, const std::vector<size_t>& kv_bytes,
            const GeneratorOptions& options, const Clock* clock, MetricsSink* metrics);

  size_t size() const { return devices_.size(); }
  Device& operator[](size_t i) { return *devices_[i]; }
  // The model's description. Its `device` lists all devices, separated by commas.
  const ModelInfo& info() const { return info_; }

  // The index of the working device with the fewest requests; among equals, of the one with the
  // fewest frames to make. If no device works, it is chosen among all in the same way.
  size_t LeastLoaded() const;
  // The load of the least loaded device.
  SchedulerLoad NextLoad() const;
  // UNAVAILABLE if no device works. One working device is enough, since it gets all new requests.
  absl::Status CheckDevices() const;
  // UNAVAILABLE if a device is stuck (see Engine::CheckProgress); the message names it.
  absl::Status CheckProgress(absl::Duration step_limit, absl::Duration window_limit) const;

 private:
  std::vector<std::unique_ptr<Device>> devices_;  // constant after construction
  ModelInfo info_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_GENERATOR_DEVICE_SET_H_
