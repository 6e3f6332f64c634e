#include "core/model/gpu/slot_runner.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "core/base/philox.h"
#include "core/model/gpu/pinned.h"

namespace vidmuse::gpu {
namespace {

// Largest number of steps that are queued without waiting. Each has its own input buffer.
constexpr int kPieces = 64;

}  // namespace

struct SlotRunner::HostBuffers {
  at::Tensor inputs;  // double [kPieces][slots][SlotInput::Columns]
  at::Tensor tokens;  // int32 [slots][codebooks]
  at::Tensor logits;  // float [slots][codebooks][card]
};

SlotRunner::SlotRunner(TokenModel& model, std::vector<int> buckets)
    : model_(model),
      graphs_(std::move(buckets), [&model](int bucket) { model.Step(bucket); }),
      host_(std::make_unique<HostBuffers>()) {
  const at::Tensor& inputs = model.inputs();
  host_->inputs = PinnedLike(inputs, {kPieces, inputs.size(0), inputs.size(1)});
  host_->tokens = PinnedLike(model.tokens(), model.tokens().sizes());
  host_->logits = PinnedLike(model.logits(), model.logits().sizes());
}

SlotRunner::~SlotRunner() = default;

void SlotRunner::RecordGraphs(const StepGraphMaker& make_graph) {
  FillPiece({}, 0, host_->inputs.mutable_data_ptr<double>());
  model_.inputs().copy_(host_->inputs[0], /*non_blocking=*/true);
  graphs_.Record(make_graph);
}

void SlotRunner::FillRow(const SlotSteps& request, int step, double* row) const {
  const LmConfig& config = model_.config();
  SlotInput input(row, config.codebooks);
  input.write_position() = request.length + step;
  input.length() = request.length + step + 1;
  input.condition_tokens() = request.condition_tokens;
  for (int k = 0; k < config.codebooks; ++k) {
    input.token(k) = request.tokens[step * config.codebooks + k];
  }
  input.option(kCfgCoefColumn) = config.cfg_coef;
  if (request.sampling == nullptr) return;
  const SamplingOptions& sampling = *request.sampling;
  input.option(kCfgCoefColumn) = sampling.cfg_coef;
  input.option(kGreedyColumn) = sampling.IsGreedy();
  input.option(kTemperatureColumn) = sampling.temperature;
  input.option(kTopKColumn) = sampling.top_k;
  input.option(kTopPColumn) = sampling.top_p;
  for (int k = 0; k < config.codebooks; ++k) {
    input.uniform(k) = TokenUniform(sampling.seed, static_cast<uint64_t>(request.frame - k), k);
  }
}

int SlotRunner::FillPiece(absl::Span<const SlotSteps> requests, int left, double* rows) const {
  const auto columns = static_cast<size_t>(SlotInput::Columns(model_.config().codebooks));
  for (int slot = 0; slot < model_.options().slots; ++slot) {
    model_.FillIdle(rows + slot * columns);
  }
  int slots = 1;
  for (const SlotSteps& request : requests) {
    const int steps = static_cast<int>(request.tokens.size()) / model_.config().codebooks;
    if (left >= steps) continue;
    FillRow(request, steps - 1 - left, rows + request.slot * columns);
    slots = std::max(slots, request.slot + 1);
  }
  return slots;
}

void SlotRunner::Queue(absl::Span<const SlotSteps> requests, bool logits) {
  size_t longest = 0;
  slots_.clear();
  for (const SlotSteps& request : requests) {
    longest = std::max(longest, request.tokens.size() / model_.config().codebooks);
    slots_.push_back(request.slot);
  }
  const int steps = static_cast<int>(longest);
  for (int step = 0; step < steps; ++step) {
    const int piece = step % kPieces;
    // Before a buffer is filled again, the copy out of it must be done.
    if (piece == 0 && step > 0) WaitForDevice(model_.inputs());
    double* rows = host_->inputs.mutable_data_ptr<double>() + piece * model_.inputs().numel();
    const int size = FillPiece(requests, steps - 1 - step, rows);
    model_.inputs().copy_(host_->inputs[piece], /*non_blocking=*/true);
    graphs_.Queue(size);
  }
  host_->tokens.copy_(model_.tokens(), /*non_blocking=*/true);
  if (logits) host_->logits.copy_(model_.logits(), /*non_blocking=*/true);
}

const int32_t* SlotRunner::tokens(int i) const {
  return host_->tokens.const_data_ptr<int32_t>() + slots_[i] * host_->tokens.stride(0);
}

const float* SlotRunner::logits(int i) const {
  return host_->logits.const_data_ptr<float>() + slots_[i] * host_->logits.stride(0);
}

}  // namespace vidmuse::gpu
