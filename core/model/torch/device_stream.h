// Where a device's work is queued. No Torch in this header, and nothing of CUDA: one code for every
// device, through Torch's own interface.
#ifndef VIDMUSE_MODEL_TORCH_DEVICE_STREAM_H_
#define VIDMUSE_MODEL_TORCH_DEVICE_STREAM_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vidmuse {

// Work of one stream runs in order, beside that of others. The CPU has none: work runs at once, on
// the caller's thread. Thread-safe: two threads' work is queued as it comes.
class DeviceStream {
 public:
  enum class Priority { kNormal, kHigh };

  // `device`: "cpu", "cuda:0", ...
  static absl::StatusOr<std::unique_ptr<DeviceStream>> Create(const std::string& device,
                                                              Priority priority);
  ~DeviceStream();

  const std::string& device() const { return device_; }

  // Runs `body` as RunTorch does, with this as the thread's stream, and doesn't wait for the
  // device.
  absl::Status Queue(absl::FunctionRef<absl::Status()> body);
  // Likewise, and waits until everything in the stream is done, after an error of `body` too: what
  // it used may be freed.
  absl::Status Run(absl::FunctionRef<absl::Status()> body);
  // Waits. Throws what Torch throws.
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

// Of a GPU, as its driver tells when Torch has given back what it keeps without need; of "cpu",
// AvailableMemory(). Waits for the GPU.
absl::StatusOr<DeviceMemory> MemoryOf(const std::string& device);

// Settings of the process that every device's results rest on: no TF32, no sums in half precision,
// deterministic convolutions.
void SetExactMath();

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_DEVICE_STREAM_H_
