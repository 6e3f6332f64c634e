#include "core/model/gpu/music_model.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <new>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "core/base/philox.h"
#include "core/base/status_macros.h"
#include "core/model/architecture/checks.h"
#include "core/model/conditioner/host_condition.h"
#include "core/model/torch/run_torch.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse {
namespace {

// Largest number of steps that are queued without waiting. Each has its own input buffer.
constexpr int kPieces = 64;

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

// Returns the powers of two below `slots`.
std::vector<int> DefaultBuckets(int slots) {
  std::vector<int> buckets;
  for (int bucket = 1; bucket < slots; bucket *= 2) buckets.push_back(bucket);
  return buckets;
}

}  // namespace

// Page-locked if the device is a GPU, which reads it directly.
struct GpuMusicModel::HostBuffers {
  at::Tensor inputs;  // double [kPieces][slots][gpu::SlotInput::Columns]
  at::Tensor tokens;  // int32 [slots][codebooks]
  at::Tensor logits;  // float [slots][codebooks][card]
};

GpuMusicModel::GpuMusicModel(ModelInfo info, Parts parts)
    : info_(std::move(info)),
      parts_(std::move(parts)),
      slots_(std::make_shared<SlotPool>(parts_.network->options().slots)),
      host_(std::make_unique<HostBuffers>()) {}

GpuMusicModel::~GpuMusicModel() = default;

absl::StatusOr<std::unique_ptr<GpuMusicModel>> GpuMusicModel::Create(
    ModelInfo info, Parts parts, const StepGraphMaker& make_graph, std::vector<int> buckets) {
  auto model = absl::WrapUnique(new GpuMusicModel(std::move(info), std::move(parts)));
  RETURN_IF_ERROR(model->Prepare(std::move(buckets)));
  if (make_graph) model->RecordGraphs(make_graph);
  return model;
}

absl::Status GpuMusicModel::Prepare(std::vector<int> buckets) {
  gpu::TokenModel& network = *parts_.network;
  const int slots = network.options().slots;
  buckets_ = buckets.empty() ? DefaultBuckets(slots) : std::move(buckets);
  if (buckets_.empty() || buckets_.back() != slots) buckets_.push_back(slots);
  graphs_.resize(buckets_.size());
  const std::string& device = info_.device;
  ASSIGN_OR_RETURN(step_stream_, DeviceStream::Create(device, DeviceStream::Priority::kHigh));
  ASSIGN_OR_RETURN(window_stream_, DeviceStream::Create(device, DeviceStream::Priority::kNormal));
  ASSIGN_OR_RETURN(codec_stream_, DeviceStream::Create(device, DeviceStream::Priority::kNormal));
  return step_stream_->Run([&] {
    const auto like = [](const at::Tensor& tensor, at::IntArrayRef shape) {
      return at::zeros(
          shape, at::TensorOptions(tensor.scalar_type()).pinned_memory(!tensor.device().is_cpu()));
    };
    const at::Tensor& inputs = network.inputs();
    host_->inputs = like(inputs, {kPieces, inputs.size(0), inputs.size(1)});
    host_->tokens = like(network.tokens(), network.tokens().sizes());
    host_->logits = like(network.logits(), network.logits().sizes());
    return absl::OkStatus();
  });
}

void GpuMusicModel::RecordGraphs(const StepGraphMaker& make_graph) {
  graph_status_ = step_stream_->Run([&] {
    gpu::TokenModel& network = *parts_.network;
    FillPiece({}, 0, host_->inputs.mutable_data_ptr<double>());
    network.inputs().copy_(host_->inputs[0], /*non_blocking=*/true);
    // The largest bucket is recorded first, so that the others reuse its memory.
    for (size_t i = buckets_.size(); i-- > 0;) {
      const auto body = [&network, bucket = buckets_[i]] { network.Step(bucket); };
      body();
      graphs_[i] = make_graph();
      graphs_[i]->Record(body, i + 1 < graphs_.size() ? graphs_.back().get() : nullptr);
      graphs_[i]->Replay();
    }
    return absl::OkStatus();
  });
  if (!graph_status_.ok()) std::fill(graphs_.begin(), graphs_.end(), nullptr);
  info_.step_graphs = graph_status_.ok() ? static_cast<int>(graphs_.size()) : 0;
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

void GpuMusicModel::FillSlotInput(const StepRequest& request, int step, double* row) const {
  const int codebooks = info_.codebooks;
  const SlotWindow& window = WindowOf(request);
  gpu::SlotInput input(row, codebooks);
  input.write_position() = window.length() + step;
  input.length() = window.length() + step + 1;
  input.condition_tokens() = window.condition_tokens();
  for (int k = 0; k < codebooks; ++k) input.token(k) = request.tokens[step * codebooks + k];
  input.option(gpu::kCfgCoefColumn) = info_.default_cfg_coef;
  if (request.sampling == nullptr) return;
  const SamplingOptions& sampling = *request.sampling;
  input.option(gpu::kCfgCoefColumn) = sampling.cfg_coef;
  input.option(gpu::kGreedyColumn) = sampling.IsGreedy();
  input.option(gpu::kTemperatureColumn) = sampling.temperature;
  input.option(gpu::kTopKColumn) = sampling.top_k;
  input.option(gpu::kTopPColumn) = sampling.top_p;
  for (int k = 0; k < codebooks; ++k) {
    input.uniform(k) = TokenUniform(sampling.seed, static_cast<uint64_t>(request.frame - k), k);
  }
}

int GpuMusicModel::FillPiece(absl::Span<const StepRequest> requests, int left, double* rows) const {
  const int columns = gpu::SlotInput::Columns(info_.codebooks);
  for (int slot = 0; slot < parts_.network->options().slots; ++slot) {
    parts_.network->FillIdle(rows + slot * columns);
  }
  int slots = 1;
  for (const StepRequest& request : requests) {
    const int steps = static_cast<int>(request.tokens.size()) / info_.codebooks;
    if (left >= steps) continue;
    const int slot = WindowOf(request).slot();
    FillSlotInput(request, steps - 1 - left, rows + slot * columns);
    slots = std::max(slots, slot + 1);
  }
  return slots;
}

void GpuMusicModel::QueuePiece(int piece, int slots) {
  parts_.network->inputs().copy_(host_->inputs[piece], /*non_blocking=*/true);
  const auto bucket = std::lower_bound(buckets_.begin(), buckets_.end(), slots);
  std::unique_ptr<StepGraph>& graph = graphs_[bucket - buckets_.begin()];
  if (graph == nullptr) return parts_.network->Step(*bucket);
  try {
    graph->Replay();
  } catch (...) {
    graph = nullptr;  // the next step runs without a graph
    throw;
  }
}

absl::Status GpuMusicModel::RunPieces(absl::Span<StepRequest> requests, bool logits) {
  size_t longest = 0;
  for (const StepRequest& request : requests) {
    longest = std::max(longest, request.tokens.size() / info_.codebooks);
  }
  const int steps = static_cast<int>(longest);
  return step_stream_->Run([&] {
    for (int step = 0; step < steps; ++step) {
      const int piece = step % kPieces;
      if (piece == 0 && step > 0) step_stream_->Synchronize();
      double* rows =
          host_->inputs.mutable_data_ptr<double>() + piece * parts_.network->inputs().numel();
      QueuePiece(piece, FillPiece(requests, steps - 1 - step, rows));
    }
    host_->tokens.copy_(parts_.network->tokens(), /*non_blocking=*/true);
    if (logits) host_->logits.copy_(parts_.network->logits(), /*non_blocking=*/true);
    return absl::OkStatus();
  });
}

// Delivers tokens and logits, which requests get from their last step only.
absl::Status GpuMusicModel::Deliver(absl::Span<StepRequest> requests) const {
  const int codebooks = info_.codebooks;
  const size_t size = size_t{1} * codebooks * info_.card;
  const int32_t* tokens = host_->tokens.const_data_ptr<int32_t>();
  for (const StepRequest& request : requests) {
    if (request.sampling == nullptr) continue;
    const int32_t* drawn = tokens + WindowOf(request).slot() * codebooks;
    if (std::any_of(drawn, drawn + codebooks, [](int32_t token) { return token < 0; })) {
      return absl::InternalError("the model's logits are not finite numbers");
    }
  }
  for (StepRequest& request : requests) {
    const int slot = WindowOf(request).slot();
    if (request.sampling != nullptr) {
      std::copy_n(tokens + slot * codebooks, codebooks, request.next_tokens);
    }
    if (request.logits != nullptr) {
      std::copy_n(host_->logits.const_data_ptr<float>() + slot * size, size, request.logits);
    }
    WindowOf(request).Advance(static_cast<int>(request.tokens.size()) / codebooks);
  }
  return absl::OkStatus();
}

absl::Status GpuMusicModel::Step(absl::Span<StepRequest> requests) {
  bool logits = false;
  for (const StepRequest& request : requests) {
    const Window& window = *request.window;
    RETURN_IF_ERROR(CheckStep(request.tokens, info_.codebooks, info_.card,
                              window.capacity() - window.length()));
    RETURN_IF_ERROR(CheckTemperature(request));
    logits = logits || request.logits != nullptr;
  }
  RETURN_IF_ERROR(RunPieces(requests, logits));
  return Deliver(requests);
}

absl::StatusOr<std::unique_ptr<AudioDecoder>> GpuMusicModel::NewAudioDecoder() {
  return gpu::NewCodecStream(parts_.codec, codec_stream_);
}

}  // namespace vidmuse
