// The devices that a generator spreads its requests over.
#ifndef VIDMUSE_GENERATOR_DEVICE_SET_H_
#define VIDMUSE_GENERATOR_DEVICE_SET_H_

#include <atomic>
#include <memory>
#include <vector>

#include "absl/status/status.h"
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

// Thread-safe. The models are copies of one another.
class DeviceSet {
 public:
  // At least one model. With several, each engine reports to MetricsSink::ForDevice.
  DeviceSet(std::vector<std::unique_ptr<MusicModel>> models, const GeneratorOptions& options,
            const Clock* clock, MetricsSink* metrics);

  size_t size() const { return devices_.size(); }
  Device& operator[](size_t i) { return *devices_[i]; }
  // Of all together: `device` is the list.
  const ModelInfo& info() const { return info_; }

  // The device with the fewest requests; among equals, the one with the fewest frames to make.
  size_t LeastLoaded() const;
  // Of that device.
  SchedulerLoad NextLoad() const;
  // UNAVAILABLE names a device whose thread is inside one step for longer than `limit`.
  absl::Status CheckProgress(absl::Duration limit) const;

 private:
  std::vector<std::unique_ptr<Device>> devices_;  // constant after construction
  ModelInfo info_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_GENERATOR_DEVICE_SET_H_
