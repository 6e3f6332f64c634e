#include "core/model/synthetic/layout.h"

#include "core/model/architecture/codec_tensors.h"
#include "core/model/architecture/conditioner_tensors.h"
#include "core/model/architecture/model_config.h"

namespace vidmuse {

std::vector<NamedShape> LmTensors(const HashModelSizes& sizes) {
  LmConfig lm;
  lm.dim = sizes.dim;
  lm.num_heads = sizes.num_heads;
  lm.num_layers = sizes.num_layers;
  lm.hidden_scale = sizes.hidden_scale;
  lm.card = sizes.card;
  ConditionerConfig conditioner;
  conditioner.width = sizes.clip_width;
  conditioner.clip_mlp = sizes.clip_mlp;
  conditioner.clip_layers = sizes.clip_layers;
  conditioner.temporal_layers = sizes.temporal_layers;
  return LmTensors(lm, conditioner);
}

std::vector<NamedShape> CodecTensors(const HashModelSizes& sizes) {
  CodecConfig config;  // the published sizes, except for the widths
  config.dimension = sizes.codec_dimension;
  config.n_filters = sizes.codec_filters;
  config.bins = sizes.codec_bins;
  return CodecTensors(config);
}

}  // namespace vidmuse
