#include "core/model/gpu/music_model.h"

#include <algorithm>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/architecture/checks.h"
#include "core/model/conditioner/host_condition.h"
#include "core/model/gpu/kernel_check.h"
#include "core/model/gpu/kernel_runner.h"
#include "core/model/gpu/slot_runner.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse {
namespace {

class SlotWindow final : public Window {
 public:
  SlotWindow(std::unique_ptr<SlotLease> lease, int condition_tokens, int steps)
      : lease_(std::move(lease)), condition_tokens_(condition_tokens), steps_(steps) {}
  int length() const override { return length_; }
  int capacity() const override { return steps_; }
  int slot() const { return lease_->slot(); }
  int condition_tokens() const { return condition_tokens_; }
  void Advance(int steps) { length_ += steps; }

 private:
  const std::unique_ptr<SlotLease> lease_;
  const int condition_tokens_;
  const int steps_;
  int length_ = 0;
};

SlotWindow& WindowOf(const StepRequest& request) {
  return static_cast<SlotWindow&>(*request.window);
}

// The CPU's sampler rejects a bad temperature, but the device can't, so it is checked here.
absl::Status CheckTemperature(const StepRequest& request) {
  const SamplingOptions* sampling = request.sampling;
  if (sampling == nullptr || sampling->IsGreedy() || sampling->temperature > 0) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("temperature is ", sampling->temperature));
}

// Returns `buckets`, or the powers of two below `slots`, with `slots` as the last.
std::vector<int> WithAllSlots(std::vector<int> buckets, int slots) {
  if (buckets.empty()) {
    for (int bucket = 1; bucket < slots; bucket *= 2) buckets.push_back(bucket);
  }
  if (buckets.empty() || buckets.back() != slots) buckets.push_back(slots);
  return buckets;
}

}  // namespace

GpuMusicModel::GpuMusicModel(ModelInfo info, Parts parts)
    : info_(std::move(info)),
      parts_(std::move(parts)),
      slots_(std::make_shared<SlotPool>(parts_.network->options().slots)) {}

GpuMusicModel::~GpuMusicModel() = default;

absl::StatusOr<std::unique_ptr<GpuMusicModel>> GpuMusicModel::Create(ModelInfo info, Parts parts,
                                                                     StepMakers makers) {
  auto model = absl::WrapUnique(new GpuMusicModel(std::move(info), std::move(parts)));
  RETURN_IF_ERROR(model->Prepare(std::move(makers)));
  return model;
}

absl::Status GpuMusicModel::Prepare(StepMakers makers) {
  gpu::TokenModel& network = *parts_.network;
  const std::string& device = info_.device;
  ASSIGN_OR_RETURN(step_stream_, DeviceStream::Create(device, DeviceStream::Priority::kHigh));
  ASSIGN_OR_RETURN(window_stream_, DeviceStream::Create(device, DeviceStream::Priority::kNormal));
  ASSIGN_OR_RETURN(codec_stream_, DeviceStream::Create(device, DeviceStream::Priority::kNormal));
  RETURN_IF_ERROR(step_stream_->Run([&] {
    runner_ = std::make_unique<gpu::SlotRunner>(
        network, WithAllSlots(std::move(makers.buckets), network.options().slots));
    return absl::OkStatus();
  }));
  if (makers.kernels) UseKernels(makers.kernels);
  if (!makers.graph) return absl::OkStatus();
  const absl::Status recorded = step_stream_->Run([&] {
    runner_->RecordGraphs(makers.graph);
    return absl::OkStatus();
  });
  if (!recorded.ok()) {
    Notice(absl::StrCat("steps run without CUDA graphs, slower: ", recorded.message()));
  }
  info_.step_graphs = runner_->graphs();
  return absl::OkStatus();
}

void GpuMusicModel::UseKernels(const StepKernelsMaker& make_kernels) {
  gpu::TokenModel& network = *parts_.network;
  absl::Status usable = gpu::KernelRunner::Supports(network);
  std::unique_ptr<gpu::StepRunner> runner;
  if (usable.ok()) {
    usable = step_stream_->Run([&] {
      runner = std::make_unique<gpu::KernelRunner>(network, make_kernels());
      return absl::OkStatus();
    });
  }
  if (usable.ok()) usable = gpu::CheckKernels(network, *step_stream_, *runner, *runner_);
  info_.step_kernels = usable.ok();
  if (usable.ok()) {
    runner_ = std::move(runner);
  } else {
    Notice(absl::StrCat("steps run without this project's kernels, slower: ", usable.message()));
  }
}

void GpuMusicModel::Notice(const std::string& line) {
  absl::StrAppend(&notice_, notice_.empty() ? "" : "; ", line);
}

absl::StatusOr<std::shared_ptr<const VideoCondition>> GpuMusicModel::EncodeVideo(
    const VideoFrames& video, const CancelFlag& cancel) {
  return HostCondition::Encode(*parts_.encoder, video, cancel);
}

absl::StatusOr<std::shared_ptr<const VideoCondition>> GpuMusicModel::EncodeMore(
    const VideoCondition& condition, int first_frame, const VideoFrames& more,
    const CancelFlag& cancel) {
  return HostCondition::EncodeMore(*parts_.encoder, condition, first_frame, more, cancel);
}

size_t GpuMusicModel::ContinuationBytes() const {
  return HostCondition::ContinuationBytes(*parts_.encoder);
}

size_t GpuMusicModel::ConditionBytes(int local_frames) const {
  return HostCondition::Bytes(local_frames, parts_.network->config().dim);
}

size_t GpuMusicModel::WindowBytes(int /*local_frames*/, int /*steps*/) const {
  return gpu::TokenModel::SlotBytes(parts_.network->config(), parts_.network->options());
}

size_t GpuMusicModel::WindowMemory() const {
  return WindowBytes(0, 0) * parts_.network->options().slots;
}

absl::StatusOr<std::unique_ptr<Window>> GpuMusicModel::OpenWindow(const VideoCondition& condition,
                                                                  int first_frame, int frame_count,
                                                                  int steps,
                                                                  const CancelFlag& cancel) {
  const auto& own = static_cast<const HostCondition&>(condition);
  const gpu::TokenModelOptions& room = parts_.network->options();
  RETURN_IF_ERROR(CheckWindow(first_frame, frame_count, own.local_frames(),
                              room.condition_tokens / kTokensPerFrame, steps, room.steps));
  ASSIGN_OR_RETURN(const int slot, slots_->Take(kSlotWait, cancel));
  auto lease = std::make_unique<SlotLease>(slots_, slot);
  const int tokens = frame_count * kTokensPerFrame;
  const float* rows = own.rows(first_frame);
  // Run waits for the work's end, so the device thread's stream needn't wait for it.
  RETURN_IF_ERROR(
      window_stream_->Run([&] { return parts_.network->FillSlot(slot, rows, tokens, cancel); }));
  return std::make_unique<SlotWindow>(std::move(lease), tokens, steps);
}

absl::Status GpuMusicModel::RunSteps(absl::Span<const StepRequest> requests) {
  std::vector<gpu::SlotSteps> steps;
  steps.reserve(requests.size());
  bool logits = false;
  for (const StepRequest& request : requests) {
    const SlotWindow& window = WindowOf(request);
    steps.push_back({window.slot(), window.length(), window.condition_tokens(), request.tokens,
                     request.sampling, request.frame});
    logits = logits || request.logits != nullptr;
  }
  return step_stream_->Run([&] {
    runner_->Queue(steps, logits);
    return absl::OkStatus();
  });
}

// Delivers tokens and logits, which requests get from their last step only.
absl::Status GpuMusicModel::Deliver(absl::Span<StepRequest> requests) const {
  const int codebooks = info_.codebooks;
  const size_t size = size_t{1} * codebooks * info_.card;
  const int count = static_cast<int>(requests.size());
  for (int i = 0; i < count; ++i) {
    if (requests[i].sampling == nullptr) continue;
    const int32_t* drawn = runner_->tokens(i);
    if (std::any_of(drawn, drawn + codebooks, [](int32_t token) { return token < 0; })) {
      return absl::InternalError("the model's logits are not finite numbers");
    }
  }
  for (int i = 0; i < count; ++i) {
    const StepRequest& request = requests[i];
    if (request.sampling != nullptr) {
      std::copy_n(runner_->tokens(i), codebooks, request.next_tokens);
    }
    if (request.logits != nullptr) std::copy_n(runner_->logits(i), size, request.logits);
    WindowOf(request).Advance(static_cast<int>(request.tokens.size()) / codebooks);
  }
  return absl::OkStatus();
}

absl::Status GpuMusicModel::Step(absl::Span<StepRequest> requests) {
  if (requests.empty()) return absl::OkStatus();
  for (const StepRequest& request : requests) {
    const Window& window = *request.window;
    RETURN_IF_ERROR(CheckStep(request.tokens, info_.codebooks, info_.card,
                              window.capacity() - window.length()));
    RETURN_IF_ERROR(CheckTemperature(request));
  }
  RETURN_IF_ERROR(RunSteps(requests));
  return Deliver(requests);
}

absl::StatusOr<std::unique_ptr<AudioDecoder>> GpuMusicModel::NewAudioDecoder() {
  return gpu::NewCodecStream(parts_.codec, codec_stream_);
}

absl::StatusOr<std::vector<int32_t>> GpuMusicModel::EncodeAudio(absl::Span<const float> samples,
                                                                const CancelFlag& cancel) {
  if (parts_.codec_encoder == nullptr) return MusicModel::EncodeAudio(samples, cancel);
  return parts_.codec_encoder->Encode(samples, cancel);
}

}  // namespace vidmuse
