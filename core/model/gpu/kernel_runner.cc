#include "core/model/gpu/kernel_runner.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/philox.h"
#include "core/model/gpu/pinned.h"

namespace vidmuse::gpu {
namespace {

using at::Tensor;

// Largest number of launches that are queued without waiting. Each has its own input buffer.
constexpr int kLaunches = 16;

// Above 16, an entry more costs a linear layer nothing until there are 16 more.
std::vector<int> Buckets() {
  std::vector<int> buckets = {1, 2, 4, 8};
  for (int bucket = 16; bucket <= KernelRunner::kEntries; bucket += 16) buckets.push_back(bucket);
  return buckets;
}

StepInput Entry(const SlotSteps& request, int step, int codebooks, float default_cfg_coef) {
  StepInput entry;
  entry.slot = request.slot;
  entry.position = request.length + step;
  entry.condition_tokens = request.condition_tokens;
  entry.cfg_coef = default_cfg_coef;
  std::copy_n(request.tokens.begin() + step * codebooks, codebooks, entry.tokens);
  return entry;
}

void SetSampling(const SlotSteps& request, int codebooks, StepInput* entry) {
  const SamplingOptions& sampling = *request.sampling;
  entry->greedy = sampling.IsGreedy();
  entry->top_k = sampling.top_k;
  entry->cfg_coef = sampling.cfg_coef;
  entry->temperature = sampling.temperature;
  entry->top_p = sampling.top_p;
  for (int k = 0; k < codebooks; ++k) {
    entry->uniforms[k] = TokenUniform(sampling.seed, static_cast<uint64_t>(request.frame - k), k);
  }
}

// Tells each entry of a launch which positions of its slot the launch computes.
void SetFirstNew(absl::Span<StepInput> entries) {
  int32_t slots = 0;
  for (const StepInput& entry : entries) slots = std::max(slots, entry.slot + 1);
  std::vector<int32_t> first(slots, INT32_MAX);
  for (const StepInput& entry : entries) {
    first[entry.slot] = std::min(first[entry.slot], entry.position);
  }
  for (StepInput& entry : entries) entry.first_new = first[entry.slot];
}

}  // namespace

struct KernelRunner::Memory {
  Tensor inputs;  // bytes [kEntries * sizeof(StepInput)]
  Tensor x, moments, q, attention, hidden, logits, partials, counters, guided, tokens;
  // On the host.
  Tensor host_inputs;  // bytes [kLaunches][kEntries * sizeof(StepInput)]
  Tensor host_tokens;  // int32 [kEntries][codebooks]
  Tensor host_logits;  // float [kEntries][codebooks][card]
};

absl::Status KernelRunner::Supports(const TokenModel& model) {
  std::vector<TokenStepLayer> layers;
  if (model.options().precision == DevicePrecision::kFp32) {
    return absl::FailedPreconditionError("there are no kernels for fp32");
  }
  if (!KernelsFit(model.DescribeStep(&layers))) {
    return absl::FailedPreconditionError("the kernels don't support a model of these sizes");
  }
  if (model.options().slots > kEntries) {
    return absl::FailedPreconditionError(
        absl::StrCat("the kernels support up to ", kEntries, " requests at once"));
  }
  return absl::OkStatus();
}

KernelRunner::KernelRunner(TokenModel& model, std::unique_ptr<StepKernels> kernels)
    : codebooks_(model.config().codebooks),
      default_cfg_coef_(model.config().cfg_coef),
      kernels_(std::move(kernels)),
      step_(model.DescribeStep(&layers_)),
      memory_(std::make_unique<Memory>()),
      graphs_(Buckets(), [this](int entries) { kernels_->Queue(step_, entries); }) {
  Memory& m = *memory_;
  const int64_t rows = 2 * int64_t{kEntries}, dim = step_.dim, heads = step_.heads;
  const int64_t codebooks = step_.codebooks, card = step_.card;
  const auto device = model.logits().options();
  const auto floats = [&](int64_t n) { return at::zeros({n}, device.dtype(at::kFloat)); };
  const auto shorts = [&](int64_t n) { return at::zeros({n}, device.dtype(at::kShort)); };
  const auto partials = [&](int positions) {
    return AttentionPartials(static_cast<int>(rows), step_.heads, positions);
  };
  m.inputs = at::zeros({kEntries * int64_t{sizeof(StepInput)}}, device.dtype(at::kByte));
  m.x = floats(rows * dim);
  m.moments = floats(rows * dim / 8 * 2);
  m.q = shorts(rows * dim);
  m.attention = shorts(rows * dim);
  m.hidden = shorts(rows * step_.ffn);
  m.logits = floats(rows * codebooks * card);
  m.partials = floats(
      static_cast<int64_t>(std::max(partials(step_.positions), partials(step_.condition_tokens))));
  m.counters = at::zeros({rows * heads}, device.dtype(at::kInt));
  m.guided = at::zeros({kEntries, codebooks, card}, device.dtype(at::kFloat));
  m.tokens = at::zeros({kEntries, codebooks}, device.dtype(at::kInt));
  m.host_inputs = PinnedLike(m.inputs, {kLaunches, m.inputs.size(0)});
  m.host_tokens = PinnedLike(m.tokens, m.tokens.sizes());
  m.host_logits = PinnedLike(m.guided, m.guided.sizes());

  const auto as = [](const Tensor& tensor, auto** pointer) {
    *pointer = static_cast<std::remove_reference_t<decltype(**pointer)>*>(tensor.data_ptr());
  };
  step_.layers = layers_.data();
  as(m.inputs, &step_.inputs);
  as(m.x, &step_.x);
  as(m.moments, &step_.moments);
  as(m.q, &step_.q);
  as(m.attention, &step_.attention);
  as(m.hidden, &step_.hidden);
  as(m.logits, &step_.logits);
  as(m.partials, &step_.partials);
  as(m.counters, &step_.counters);
  as(m.guided, &step_.guided);
  as(m.tokens, &step_.tokens);
}

KernelRunner::~KernelRunner() = default;

void KernelRunner::RecordGraphs(const StepGraphMaker& make_graph) {
  QueueLaunch(0, {});  // idle entries
  graphs_.Record(make_graph);
}

// Queues a launch of `entries`. Without any, it only copies idle ones to the device.
void KernelRunner::QueueLaunch(int launch, absl::Span<const StepInput> entries) {
  Memory& m = *memory_;
  const int buffer = launch % kLaunches;
  // Before a buffer is filled again, the copy out of it must be done.
  if (buffer == 0 && launch > 0) WaitForDevice(m.inputs);
  const auto size = static_cast<int>(entries.size());
  const int bucket = entries.empty() ? kEntries : graphs_.BucketOf(size);
  const Tensor host = m.host_inputs[buffer];
  auto* const inputs = static_cast<StepInput*>(host.data_ptr());
  std::fill(std::copy(entries.begin(), entries.end(), inputs), inputs + bucket, StepInput());
  const int64_t bytes = bucket * int64_t{sizeof(StepInput)};
  m.inputs.narrow(0, 0, bytes).copy_(host.narrow(0, 0, bytes), /*non_blocking=*/true);
  if (!entries.empty()) graphs_.Queue(size);
}

void KernelRunner::Queue(absl::Span<const SlotSteps> requests, bool logits) {
  entries_.clear();
  // All requests' last steps come last, so that the last launch holds them.
  for (const SlotSteps& request : requests) {
    const int steps = static_cast<int>(request.tokens.size()) / codebooks_;
    for (int step = 0; step + 1 < steps; ++step) {
      entries_.push_back(Entry(request, step, codebooks_, default_cfg_coef_));
    }
  }
  for (const SlotSteps& request : requests) {
    const int steps = static_cast<int>(request.tokens.size()) / codebooks_;
    entries_.push_back(Entry(request, steps - 1, codebooks_, default_cfg_coef_));
    if (request.sampling != nullptr) SetSampling(request, codebooks_, &entries_.back());
  }
  const size_t launches = (entries_.size() + kEntries - 1) / kEntries;
  // The first launch has the remainder, so that the last one is full.
  size_t begin = 0, end = entries_.size() - (launches - 1) * kEntries;
  for (size_t launch = 0; launch < launches; ++launch) {
    const auto own = absl::MakeSpan(entries_).subspan(begin, end - begin);
    SetFirstNew(own);
    QueueLaunch(static_cast<int>(launch), own);
    first_result_ = own.size() - requests.size();
    begin = end;
    end += kEntries;
  }
  Memory& m = *memory_;
  m.host_tokens.copy_(m.tokens, /*non_blocking=*/true);
  if (!logits) return;
  const auto from = static_cast<int64_t>(first_result_);
  const auto count = static_cast<int64_t>(requests.size());
  m.host_logits.narrow(0, from, count)
      .copy_(m.guided.narrow(0, from, count), /*non_blocking=*/true);
}

const int32_t* KernelRunner::tokens(int i) const {
  return memory_->host_tokens.const_data_ptr<int32_t>() + (first_result_ + i) * codebooks_;
}

const float* KernelRunner::logits(int i) const {
  return memory_->host_logits.const_data_ptr<float>() +
         (first_result_ + i) * memory_->host_logits.stride(0);
}

}  // namespace vidmuse::gpu
