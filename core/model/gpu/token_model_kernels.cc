// Describes a TokenModel's weights and caches to the kernels.
#include <ATen/ATen.h>

#include "core/model/gpu/token_model_tensors.h"

namespace vidmuse::gpu {
namespace {

using at::Tensor;

template <class T>
T* Pointer(const Tensor& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}

Matrix MatrixOf(const Tensor& weights) { return {weights.data_ptr(), nullptr}; }

}  // namespace

TokenStep TokenModel::DescribeStep(std::vector<TokenStepLayer>* layers) const {
  const auto norm = [](const Norm& source) {
    return gpu::Norm{Pointer<const float>(source.weight), Pointer<const float>(source.bias)};
  };
  layers->clear();
  for (size_t i = 0; i < t_->layers.size(); ++i) {
    const Layer& source = t_->layers[i];
    const auto part = [i](const Tensor& cache, int part) {
      return cache.select(0, static_cast<int64_t>(i)).select(0, part);
    };
    TokenStepLayer& layer = layers->emplace_back();
    layer.norm1 = norm(source.norm1);
    layer.norm_cross = norm(source.norm_cross);
    layer.norm2 = norm(source.norm2);
    layer.qkv = MatrixOf(source.self_qkv);
    layer.self_out = MatrixOf(source.self_out);
    layer.cross_q = MatrixOf(source.cross_q);
    layer.cross_out = MatrixOf(source.cross_out);
    layer.linear1 = MatrixOf(source.linear1);
    layer.linear2 = MatrixOf(source.linear2);
    layer.self_keys = Pointer<uint16_t>(part(t_->self, 0));
    layer.self_values = Pointer<uint16_t>(part(t_->self, 1));
    layer.condition_keys = part(t_->condition, 0).data_ptr();
    layer.condition_values = part(t_->condition, 1).data_ptr();
    layer.null_keys = Pointer<const uint16_t>(part(t_->null, 0));
    layer.null_values = Pointer<const uint16_t>(part(t_->null, 1));
  }
  TokenStep step;
  step.format =
      options_.precision == DevicePrecision::kBf16 ? WeightFormat::kBf16 : WeightFormat::kFp16;
  step.num_layers = config_.num_layers;
  step.dim = config_.dim;
  step.heads = config_.num_heads;
  step.ffn = config_.ffn();
  step.codebooks = config_.codebooks;
  step.card = config_.card;
  step.positions = options_.steps;
  step.condition_tokens = static_cast<int>(t_->condition.size(4));
  step.null_tokens = static_cast<int>(t_->null.size(3));
  step.layers = layers->data();
  step.out_norm = norm(t_->out_norm);
  if (t_->short_heads.defined()) step.out = MatrixOf(t_->short_heads);
  step.embeddings = Pointer<const float>(t_->embedding);
  step.position_rows = Pointer<const float>(t_->positions);
  const int64_t head_dim = config_.dim / config_.num_heads;
  step.self_layout.position = head_dim;
  step.self_layout.head = t_->room * head_dim;
  step.self_layout.row = config_.num_heads * step.self_layout.head;
  step.self_layout.slot = 2 * step.self_layout.row;
  step.condition_layout.position = head_dim;
  step.condition_layout.head = t_->condition.stride(3);
  step.condition_layout.slot = t_->condition.stride(2);
  return step;
}

}  // namespace vidmuse::gpu
