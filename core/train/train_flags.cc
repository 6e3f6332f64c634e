#include "core/train/train_flags.h"

#include <vector>

#include "core/base/flag_type.h"
#include "core/base/option_range.h"

namespace vidmuse::train {
namespace {

constexpr int64_t kMany = 1'000'000'000;
constexpr int kManyFrames = 1000;

FlagType<double> ShareType() { return NumberType<double>(0, 1); }

std::vector<Flag<TrainFlags>> ModelFlags() {
  return {
      {"out", &TrainFlags::out, TextType(),
       "directory of the trained model, in the published format"},
      {"init", &TrainFlags::init, TextType(),
       "directory of a model to go on from; empty: a new one"},
      {"codec_dir", &TrainFlags::codec_dir, TextType(),
       "Hugging Face EnCodec directory, if the model only names its codec; empty: encodec_32khz in "
       "the model's directory"},
      {"device", &TrainFlags::device, TextType(), "cpu or cuda"},
      {"threads", &TrainFlags::threads, NumberType<int>(1, 1024),
       "of Torch; a run is the same again only with the same number"},
      {"free_steps", &TrainFlags::free_steps, NumberType<int64_t>(),
       "new codec: steps before its codebooks begin"},
      {"conditioner_rate", &TrainFlags::conditioner_rate, ShareType(),
       "learning rate of what encodes the video, over the token model's; 0: it stays as it is"},
  };
}

std::vector<Flag<TrainingOptions>> RunFlags() {
  return {
      {"work_dir", &TrainingOptions::work_dir, TextType(),
       "checkpoints, curves (CSV) and cached tokens"},
      {"steps", &TrainingOptions::steps, NumberType<int64_t>(1, kMany), "steps of the run"},
      {"warmup", &TrainingOptions::warmup_steps, NumberType<int64_t>(0, kMany),
       "steps until the full learning rate"},
      {"learning_rate", &TrainingOptions::learning_rate, ShareType(), "the highest"},
      {"ema", &TrainingOptions::ema_decay, ShareType(),
       "decay of the averaged weights, which are what is exported"},
      {"checkpoint_steps", &TrainingOptions::checkpoint_steps, NumberType<int64_t>(1, kMany),
       "steps from one checkpoint to the next"},
      {"keep_checkpoints", &TrainingOptions::keep_checkpoints, NumberType<int>(1, kMany),
       "newest checkpoints that are kept, to go back to"},
      {"mixed_precision", &TrainingOptions::mixed_precision, BoolType(),
       "matrix products in bfloat16"},
  };
}

std::vector<Flag<TokenTrainingOptions>> StepFlags() {
  using O = TokenTrainingOptions;
  return {
      {"batch", &O::batch, NumberType<int>(1, 4096), "clips a step"},
      {"seed", &O::seed, NumberType<uint64_t>(), "of weights, batches and dropout"},
      {"local_frames", &O::local_frames, NumberType<int>(0, kManyFrames),
       "frames of a clip that a step looks at; 0: all"},
      {"global_frames", &O::global_frames, NumberType<int>(0, kManyFrames),
       "likewise, of the 32 over the whole video"},
      {"null_condition", &O::null_condition, ShareType(),
       "part of the clips shown as black, for guidance"},
      {"hidden_history", &O::hidden_history, ShareType(),
       "part of the clips whose past tokens are hidden"},
      {"noisy_history", &O::noisy_history, ShareType(),
       "part of the clips whose past has foreign frames"},
      {"short_clips", &O::short_clips, ShareType(),
       "part of the steps that hear a clip's beginning only"},
  };
}

std::vector<Flag<TrainFlags>> ClipFlags() {
  return {
      {"manifest", &TrainFlags::manifest, TextType(),
       "clips to train on, a JSON object a line: {\"video\": PATH, \"audio\": PATH, \"start\": S, "
       "\"seconds\": S}; empty: synthetic ones"},
      {"clips", &TrainFlags::clips, NumberType<int64_t>(1, kMany), "number of synthetic clips"},
      {"first_clip", &TrainFlags::first_clip, NumberType<uint64_t>(),
       "seed of the first synthetic clip"},
      // A clip must fit the token model's window.
      {"seconds", &TrainFlags::seconds, NumberType<int>(1, 30), "length of a clip"},
  };
}

// What the sizes may be is checked where a model of them is made.
std::vector<Flag<HashModelSizes>> SizeFlags() {
  using Sizes = HashModelSizes;
  return {
      {"codec_dim", &Sizes::codec_dimension, NumberType<int>(), "new codec: width of its vectors"},
      {"codec_filters", &Sizes::codec_filters, NumberType<int>(),
       "new codec: width of its last stage"},
      {"card", [](const Sizes& sizes) { return sizes.card; },
       [](Sizes& sizes, int value) { sizes.card = sizes.codec_bins = value; }, NumberType<int>(),
       "new models: tokens a codebook"},
      {"dim", &Sizes::dim, NumberType<int>(), "new token model: its width"},
      {"heads", &Sizes::num_heads, NumberType<int>(), "new token model: its attention heads"},
      {"layers", &Sizes::num_layers, NumberType<int>(), "new token model: its layers"},
      {"hidden_scale", &Sizes::hidden_scale, NumberType<int>(),
       "new token model: width of its MLP over its width"},
      {"clip_width", &Sizes::clip_width, NumberType<int>(),
       "new token model: width of its CLIP tower, a multiple of 192"},
      {"clip_layers", &Sizes::clip_layers, NumberType<int>(),
       "new token model: layers of its CLIP tower"},
      {"clip_mlp", &Sizes::clip_mlp, NumberType<int>(),
       "new token model: width of the tower's MLP"},
      {"temporal_layers", &Sizes::temporal_layers, NumberType<int>(),
       "new token model: layers of its temporal transformers"},
  };
}

std::vector<Flag<TrainFlags>> EvaluationFlags() {
  return {
      {"model_dir", &TrainFlags::model_dir, TextType(),
       "evaluate: a model in the published format"},
      {"cfg_coef", &TrainFlags::cfg_coef,
       OptionalType(NumberType<float>(kCfgCoefRange.low, kCfgCoefRange.high)),
       "evaluate: guidance; not given: the model's own"},
      {"temperature", &TrainFlags::temperature,
       NumberType<float>(kTemperatureRange.low, kTemperatureRange.high), "evaluate: of sampling"},
      {"top_k", &TrainFlags::top_k, NumberType<int>(kTopKRange.low, kTopKRange.high),
       "evaluate: of sampling"},
  };
}

}  // namespace

HashModelSizes SmallSizes() {
  HashModelSizes sizes;
  sizes.codec_dimension = 64;
  sizes.codec_filters = 8;
  sizes.codec_bins = sizes.card = 256;
  sizes.dim = 192;
  sizes.num_heads = 3;
  sizes.num_layers = 3;
  sizes.hidden_scale = 2;
  sizes.clip_width = 192;
  sizes.clip_layers = 1;
  sizes.clip_mlp = 192;
  sizes.temporal_layers = 1;
  return sizes;
}

const FlagTable<TrainFlags>& TrainFlagTable() {
  static const auto* const table = new FlagTable<TrainFlags>(Concat<TrainFlags>({
      Within(&TrainFlags::training, RunFlags()),
      ModelFlags(),
      Within(&TrainFlags::tokens, StepFlags()),
      ClipFlags(),
      Within(&TrainFlags::sizes, SizeFlags()),
      EvaluationFlags(),
  }));
  return *table;
}

}  // namespace vidmuse::train
