#include "core/model/torch/device_stream.h"

#include <ATen/Context.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <optional>
#include <utility>

#include "absl/memory/memory.h"
#include "core/base/memory.h"
#include "core/base/status_macros.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse {

struct DeviceStream::Stream {
  std::optional<c10::Stream> stream;  // none on the CPU
};

DeviceStream::DeviceStream(const std::string& device, std::unique_ptr<Stream> stream)
    : device_(device), stream_(std::move(stream)) {}

DeviceStream::~DeviceStream() = default;

absl::StatusOr<std::unique_ptr<DeviceStream>> DeviceStream::Create(const std::string& device,
                                                                   Priority priority) {
  auto stream = std::make_unique<Stream>();
  RETURN_IF_ERROR(RunTorch([&] {
    const c10::Device where(device);
    if (!where.is_cpu()) {
      stream->stream = c10::impl::VirtualGuardImpl(where.type())
                           .getStreamFromGlobalPool(where, priority == Priority::kHigh);
    }
    return absl::OkStatus();
  }));
  return absl::WrapUnique(new DeviceStream(device, std::move(stream)));
}

absl::Status DeviceStream::Queue(absl::FunctionRef<absl::Status()> body) {
  return RunTorch([&] {
    if (!stream_->stream) return body();
    const c10::StreamGuard guard(*stream_->stream);
    return body();
  });
}

absl::Status DeviceStream::Run(absl::FunctionRef<absl::Status()> body) {
  absl::Status status = Queue(body);
  status.Update(RunTorch([&] {
    Synchronize();
    return absl::OkStatus();
  }));
  return status;
}

void DeviceStream::Synchronize() {
  if (!stream_->stream) return;
  c10::impl::VirtualGuardImpl(stream_->stream->device_type()).synchronizeStream(*stream_->stream);
}

absl::StatusOr<DeviceMemory> MemoryOf(const std::string& device) {
  DeviceMemory memory;
  RETURN_IF_ERROR(RunTorch([&] {
    const c10::Device where(device);
    if (where.is_cpu()) {
      memory.free = memory.total = AvailableMemory();
      return absl::OkStatus();
    }
    c10::DeviceAllocator* const allocator = at::getDeviceAllocator(where.type());
    allocator->emptyCache();
    const auto [free, total] = allocator->getMemoryInfo(where.index());
    memory.free = free;
    memory.total = total;
    return absl::OkStatus();
  }));
  return memory;
}

void SetExactMath() {
  at::Context& context = at::globalContext();
  context.setAllowTF32CuBLAS(false);
  context.setAllowTF32CuDNN(false);
  context.setAllowFP16ReductionCuBLAS(false);
  context.setAllowBF16ReductionCuBLAS(false);
  context.setDeterministicCuDNN(true);
  context.setBenchmarkCuDNN(false);
  // Without cuDNN, attention uses the same family of kernels whatever the driver's version.
  context.setSDPUseCuDNN(false);
}

}  // namespace vidmuse
