// Measures a GPU for vidmuse_bench: the decoding step for several numbers of requests, with and
// without CUDA graphs, the other stages, the device's memory and the time to the first audio.
#ifndef VIDMUSE_TESTS_BENCH_DEVICE_BENCH_H_
#define VIDMUSE_TESTS_BENCH_DEVICE_BENCH_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "tests/bench/model_cost.h"
#include "tests/support/device_model.h"

namespace vidmuse {

// Value of DeviceBenchOptions::device that runs the GPUs' code on the CPU.
inline constexpr char kDeviceCode[] = "device_code";

struct DeviceBenchOptions {
  // A device list for ChooseDevices, whose first device is measured, or kDeviceCode.
  std::string device;
  std::string scale;
  std::vector<std::string> precisions;
  // Slot counts. A model is loaded for each, and measured with at most that many requests.
  std::vector<int> slots;
  // Numbers of concurrent requests; each is measured.
  std::vector<int> requests;
  // Whether to use CUDA graphs. A model is loaded for each value.
  std::vector<bool> graphs;
  // Whether to use this project's CUDA kernels. A model is loaded for each value.
  std::vector<bool> kernels;
  int seconds = 30;  // of the video, and of the window
  int steps = 20;    // per measurement
  int position = 0;  // sequence steps in the KV cache before the first measured step
};

// Returns a JSON object with the card's name and the measurements. A model that can't be loaded or
// measured has an "error" in the object, and the others are still measured. Errors are returned for
// unknown devices and precisions.
absl::StatusOr<nlohmann::json> MeasureDevice(const DeviceBenchOptions& options,
                                             const HashFiles& files, const ModelSizes& sizes);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_BENCH_DEVICE_BENCH_H_
