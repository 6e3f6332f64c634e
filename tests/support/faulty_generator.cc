// Gives vidmuse_faulty_server, which has the real server's main, a model and a video decoder that
// fail on command. A request's seed selects a fault of its steps, and its video one of decoding
// (see faults.h).
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "core/generator/generator_impl.h"
#include "tests/support/fake_model.h"
#include "tests/support/faults.h"
#include "vidmuse/generator.h"
#include "vidmuse/self_test.h"

namespace vidmuse {
namespace {

absl::Status FailOnCommand(absl::Span<StepRequest> requests) {
  static bool lost = false;  // used by the device thread alone
  for (const StepRequest& request : requests) {
    if (request.sampling == nullptr || request.frame < kFaultFrame) continue;
    if (request.sampling->seed == kStepThrows) throw std::runtime_error("the device is on fire");
    if (request.sampling->seed == kStepIsOutOfMemory) throw std::bad_alloc();
    lost |= request.sampling->seed == kDeviceIsLost;
  }
  return lost ? absl::InternalError("an illegal address was encountered") : absl::OkStatus();
}

absl::StatusOr<VideoFrames> Sample(absl::string_view file, const Limits&, int max_seconds,
                                   const CancelFlag&) {
  if (file == kDecodeThrows) throw std::runtime_error("the decoder is on fire");
  if (file == kDecodeIsOutOfMemory) throw std::bad_alloc();
  return FakeFrames(max_seconds > 0 ? max_seconds : 4, 1);
}

}  // namespace

absl::Status SelfTest() { return absl::OkStatus(); }

absl::Status SelfTestDevices(const std::string&, const std::string&,
                             const std::function<void(const std::string&)>&) {
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Generator>> Generator::Create(const GeneratorOptions& options,
                                                             MetricsSink* metrics) {
  auto model = std::make_unique<FakeModel>();
  model->on_step = FailOnCommand;
  return NewGenerator(std::move(model), ReadingWhole(Sample), options, Clock::Real(), metrics);
}

}  // namespace vidmuse
