#include "core/model/conditioner/onednn_linear.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

constexpr char kReorder[] = "mkldnn::_reorder_linear_weight";
constexpr char kLinear[] = "mkldnn::_linear_pointwise";

struct Operator {
  const char* name;
  const char* overload;
  const char* schema;
};

// As LibTorch 2.11 has them.
constexpr Operator kOperators[] = {
    {kReorder, "", "mkldnn::_reorder_linear_weight(Tensor self, int? batch_size=None) -> Tensor Y"},
    {kLinear, "",
     "mkldnn::_linear_pointwise(Tensor X, Tensor W, Tensor? B, str attr, Scalar?[] scalars, str? "
     "algorithm) -> Tensor Y"},
    {kLinear, "binary",
     "mkldnn::_linear_pointwise.binary(Tensor X, Tensor other, Tensor W, Tensor? B, str attr) -> "
     "Tensor Y"},
};

Tensor FrameOf(const Tensor& chunk, int i) {
  return chunk.narrow(0, i * kTokensPerFrame, kTokensPerFrame);
}

}  // namespace

absl::Status CheckOneDnnOperators() {
  for (const Operator& op : kOperators) {
    const auto found = c10::Dispatcher::singleton().findSchema({op.name, op.overload});
    const std::string schema = found ? c10::toString(found->schema()) : "missing";
    if (schema != op.schema) {
      return absl::FailedPreconditionError(absl::StrCat("LibTorch ", TorchVersion(),
                                                        " can't be used: expected its operator ",
                                                        op.schema, ", which is ", schema));
    }
  }
  return absl::OkStatus();
}

OneDnnLinear::OneDnnLinear(const Tensor& weight, const Tensor& bias, at::ScalarType type,
                           Epilogue epilogue)
    : type_(type), epilogue_(epilogue) {
  static const auto reorder = c10::Dispatcher::singleton()
                                  .findSchemaOrThrow(kReorder, "")
                                  .typed<Tensor(const Tensor&, std::optional<c10::SymInt>)>();
  weight_ = reorder.call(weight.to(type_), c10::SymInt(kChunkRows));
  if (bias.defined()) bias_ = bias.to(type_);
  place_matters_ = PlaceMatters(weight.size(0), weight.size(1));
}

Tensor OneDnnLinear::operator()(const Tensor& x, const Tensor& other) const {
  if (!place_matters_) return Run(x, other);
  std::vector<Tensor> frames;
  frames.reserve(kChunkFrames);
  for (int i = 0; i < kChunkFrames; ++i) {
    frames.push_back(Run(FrameOf(x, i), other.defined() ? FrameOf(other, i) : other));
  }
  return at::cat(frames);
}

bool OneDnnLinear::PlaceMatters(int64_t out, int64_t in) const {
  const Tensor frame = at::arange(kTokensPerFrame * in, at::kFloat).sin().view({-1, in});
  const Tensor y = Run(frame.repeat({kChunkFrames, 1}), at::zeros({kChunkRows, out}));
  for (int i = 1; i < kChunkFrames; ++i) {
    if (!at::equal(FrameOf(y, i), FrameOf(y, 0))) return true;
  }
  return false;
}

Tensor OneDnnLinear::Run(const Tensor& input, const Tensor& other) const {
  const Tensor x = input.to(type_);
  static const auto plain =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow(kLinear, "")
          .typed<Tensor(const Tensor&, const Tensor&, const OptionalTensor&, std::string_view,
                        c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>)>();
  static const auto binary = c10::Dispatcher::singleton()
                                 .findSchemaOrThrow(kLinear, "binary")
                                 .typed<Tensor(const Tensor&, const Tensor&, const Tensor&,
                                               const OptionalTensor&, std::string_view)>();
  if (epilogue_ == Epilogue::kAdd && type_ == at::kFloat) {
    return binary.call(x, other, weight_, bias_, "add");
  }
  const c10::List<std::optional<at::Scalar>> none;
  if (epilogue_ == Epilogue::kAdd) {
    return plain.call(x, weight_, bias_, "none", none, std::nullopt) + other;
  }
  if (epilogue_ == Epilogue::kGelu) return plain.call(x, weight_, bias_, "gelu", none, "none");
  return plain.call(x, weight_, bias_, epilogue_ == Epilogue::kSwish ? "swish" : "none", none,
                    std::nullopt);
}

}  // namespace vidmuse
