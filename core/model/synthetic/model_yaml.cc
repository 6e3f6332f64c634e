#include "absl/strings/substitute.h"
#include "core/model/synthetic/layout.h"

namespace vidmuse {
namespace {

constexpr char kLmYaml[] = R"(device: cpu
dtype: float32
sample_rate: 32000
channels: 1
lm_model: transformer_lm
compression_model: encodec
transformer_lm:
  dim: $0
  num_heads: $1
  num_layers: $2
  hidden_scale: $3
  n_q: 4
  card: $4
  dropout: 0.0
  emb_lr: null
  activation: gelu
  norm_first: true
  bias_ff: false
  bias_attn: false
  bias_proj: false
  past_context: null
  causal: true
  custom: false
  memory_efficient: true
  attention_as_float32: false
  layer_scale: null
  positional_embedding: sin
  xpos: false
  checkpointing: none
  weight_init: gaussian
  depthwise_init: current
  zero_bias_init: true
  norm: layer_norm
  cross_attention: false
  qk_layer_norm: false
  qk_layer_norm_cross: false
  attention_dropout: null
  kv_repeat: 1
  two_step_cfg: false
codebooks_pattern:
  modeling: delay
  delay:
    delays:
    - 0
    - 1
    - 2
    - 3
    flatten_first: 0
    empty_initial: 0
classifier_free_guidance:
  training_dropout: 0.3
  inference_coef: 3.0
attribute_dropout: {}
fuser:
  cross_attention_pos_emb: false
  cross_attention_pos_emb_scale: 1
  sum: []
  prepend: []
  cross:
  - description
  input_interpolate: []
conditioners:
  description:
    model: t5
    t5:
      name: t5-base
      finetune: false
      word_dropout: 0.3
      normalize_text: false
dataset:
  segment_duration: 30
  batch_size: 1
video:
  visual_encoder: clip
  video_fps: 2
  video_overlap: 0
  add_global:
    if_add_gobal: true
    global_feature_path: ''
    mode: average
    num_frames: 64
)";

constexpr char kCodecYaml[] = R"(device: cpu
dtype: float32
sample_rate: 32000
channels: 1
compression_model: encodec
encodec:
  autoencoder: seanet
  quantizer: rvq
  sample_rate: 32000
  channels: 1
  causal: false
  renormalize: false
seanet:
  dimension: $0
  channels: 1
  causal: false
  n_filters: $1
  n_residual_layers: 1
  ratios:
  - 8
  - 5
  - 4
  - 4
  activation: ELU
  activation_params:
    alpha: 1.0
  norm: weight_norm
  norm_params: {}
  kernel_size: 7
  residual_kernel_size: 3
  last_kernel_size: 7
  dilation_base: 2
  pad_mode: constant
  true_skip: true
  compress: 2
  lstm: 2
  disable_norm_outer_blocks: 0
  decoder:
    trim_right_ratio: 1.0
    final_activation: null
    final_activation_params: null
  encoder: {}
rvq:
  n_q: 4
  q_dropout: false
  bins: $2
  decay: 0.99
  kmeans_init: true
  kmeans_iters: 50
  threshold_ema_dead_code: 2
  orthogonal_reg_weight: 0.0
  orthogonal_reg_active_codes_only: false
no_quant: {}
)";

}  // namespace

std::string LmYaml(const HashModelSizes& sizes) {
  return absl::Substitute(kLmYaml, sizes.dim, sizes.num_heads, sizes.num_layers, sizes.hidden_scale,
                          sizes.card);
}

std::string CodecYaml(const HashModelSizes& sizes) {
  return absl::Substitute(kCodecYaml, sizes.codec_dimension, sizes.codec_filters, sizes.codec_bins);
}

}  // namespace vidmuse
