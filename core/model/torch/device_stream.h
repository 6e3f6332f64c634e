// A device's work queue. It uses Torch's own interface, so the code is the same for every device.
// This header needs neither Torch nor CUDA.
#ifndef VIDMUSE_MODEL_TORCH_DEVICE_STREAM_H_
#define VIDMUSE_MODEL_TORCH_DEVICE_STREAM_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vidmuse {

// One stream's work runs in order, concurrently with other streams' work. The CPU has no streams,
// so work runs at once, on the caller's thread. Thread-safe: several threads may queue work.
class DeviceStream {
 public:
  enum class Priority { kNormal, kHigh };

  // `device`: "cpu", "cuda:0", ...
  static absl::StatusOr<std::unique_ptr<DeviceStream>> Create(const std::string& device,
                                                              Priority priority);
  ~DeviceStream();

  const std::string& device() const { return device_; }

  // Runs `body` as RunTorch does, with this as the thread's stream. Doesn't wait for the device.
  absl::Status Queue(absl::FunctionRef<absl::Status()> body);
  // Like Queue, but waits until everything in the stream is done, even after an error, so that what
  // `body` used may be freed.
  absl::Status Run(absl::FunctionRef<absl::Status()> body);
  // Waits until everything in the stream is done. Throws what Torch throws.
  void Synchronize();

 private:
  struct Stream;
  DeviceStream(const std::string& device, std::unique_ptr<Stream> stream);

  const std::string device_;
  const std::unique_ptr<Stream> stream_;
};

struct DeviceMemory {
  uint64_t free = 0;
  uint64_t total = 0;
};

// A GPU's memory, as its driver reports it after Torch has released its unused cache. For "cpu" it
// is AvailableMemory(). Waits for the GPU.
absl::StatusOr<DeviceMemory> MemoryOf(const std::string& device);

// Makes the settings of the process that all results depend on: no TF32, no sums in half precision,
// deterministic convolutions.
void SetExactMath();

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_DEVICE_STREAM_H_
