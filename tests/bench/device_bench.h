// What vidmuse_bench measures on a GPU: the decoding step at every number of requests, with and
// without graphs, the stages around it, the device's memory and the first audio.
#ifndef VIDMUSE_TESTS_BENCH_DEVICE_BENCH_H_
#define VIDMUSE_TESTS_BENCH_DEVICE_BENCH_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "tests/bench/model_cost.h"
#include "tests/support/device_model.h"

namespace vidmuse {

// The code that GPUs run, on the CPU.
inline constexpr char kDeviceCode[] = "device_code";

struct DeviceBenchOptions {
  std::string device;  // as ChooseDevices takes it, the first one is measured; or kDeviceCode
  std::string scale;
  std::vector<std::string> precisions;
  std::vector<int> slots;     // a model is loaded for each; requests above are left out
  std::vector<int> requests;  // a measurement each
  std::vector<bool> graphs;   // a model is loaded for each
  int seconds = 30;           // of the video, and of the window
  int steps = 20;             // a measurement
  int position = 0;           // sequence steps in the cache before them
};

// One JSON object with the card's name; errors of loading. A measurement that fails is an "error"
// in the object, and the others go on.
absl::StatusOr<nlohmann::json> MeasureDevice(const DeviceBenchOptions& options,
                                             const HashFiles& files, const ModelSizes& sizes);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_BENCH_DEVICE_BENCH_H_
