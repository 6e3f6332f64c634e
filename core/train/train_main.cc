// vidmuse_train: trains the codec and the token model.
#include <ATen/Parallel.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/codec_source.h"
#include "core/model/load_model.h"
#include "core/train/clip_source.h"
#include "core/train/evaluate.h"
#include "core/train/media_files.h"
#include "core/train/model_files.h"
#include "core/train/parameters.h"
#include "core/train/train_codec.h"
#include "core/train/train_tokens.h"
#include "core/train/training_run.h"
#include "core/train/work_dir.h"
#include "vidmuse/sampling_options.h"

ABSL_FLAG(std::string, work_dir, "", "checkpoints, curves (CSV) and cached tokens");
ABSL_FLAG(std::string, out, "", "directory of the trained model, in the published format");
ABSL_FLAG(std::string, init, "", "directory of a model to go on from; empty: a new one");
ABSL_FLAG(std::string, codec_dir, "",
          "Hugging Face EnCodec directory, if the model only names its codec; empty: encodec_32khz "
          "in the model's directory");
ABSL_FLAG(int64_t, steps, 1000, "steps of the run");
ABSL_FLAG(int64_t, warmup, 100, "steps until the full learning rate");
ABSL_FLAG(double, learning_rate, 1e-3, "the highest");
ABSL_FLAG(double, ema, 0.99, "decay of the averaged weights, which are what is exported");
ABSL_FLAG(int, batch, 8, "clips a step");
ABSL_FLAG(uint64_t, seed, 1, "of weights, batches and dropout");
ABSL_FLAG(int64_t, checkpoint_steps, 100, "steps from one checkpoint to the next");
ABSL_FLAG(int, keep_checkpoints, 3, "newest checkpoints that are kept, to go back to");
ABSL_FLAG(std::string, device, "cpu", "cpu or cuda");
ABSL_FLAG(bool, mixed_precision, false, "matrix products in bfloat16");
ABSL_FLAG(int, threads, 1, "of Torch; a run is the same again only with the same number");

ABSL_FLAG(
    std::string, manifest, "",
    "clips to train on, a JSON object a line: {\"video\": PATH, \"audio\": PATH, \"start\": S, "
    "\"seconds\": S}; empty: synthetic ones");
ABSL_FLAG(int64_t, clips, 1000, "number of synthetic clips");
ABSL_FLAG(uint64_t, first_clip, 0, "seed of the first synthetic clip");
ABSL_FLAG(int, seconds, 8, "length of a clip");

ABSL_FLAG(int, codec_dim, 64, "new codec: width of its vectors");
ABSL_FLAG(int, codec_filters, 8, "new codec: width of its last stage");
ABSL_FLAG(int, card, 256, "new models: tokens a codebook");
ABSL_FLAG(int64_t, free_steps, 200, "new codec: steps before its codebooks begin");

ABSL_FLAG(int, dim, 192, "new token model: its width");
ABSL_FLAG(int, heads, 3, "new token model: its attention heads");
ABSL_FLAG(int, layers, 3, "new token model: its layers");
ABSL_FLAG(int, hidden_scale, 2, "new token model: width of its MLP over its width");
ABSL_FLAG(int, clip_width, 192, "new token model: width of its CLIP tower, a multiple of 192");
ABSL_FLAG(int, clip_layers, 1, "new token model: layers of its CLIP tower");
ABSL_FLAG(int, clip_mlp, 192, "new token model: width of the tower's MLP");
ABSL_FLAG(int, temporal_layers, 1, "new token model: layers of its temporal transformers");
ABSL_FLAG(int, local_frames, 4, "frames of a clip that a step looks at; 0: all");
ABSL_FLAG(int, global_frames, 4, "likewise, of the 32 over the whole video");
ABSL_FLAG(std::string, model_dir, "", "evaluate: a model in the published format");
ABSL_FLAG(std::optional<float>, cfg_coef, std::nullopt,
          "evaluate: guidance; empty: the model's own");
ABSL_FLAG(float, temperature, 1.0f, "evaluate: of sampling");
ABSL_FLAG(int, top_k, 250, "evaluate: of sampling");

ABSL_FLAG(double, null_condition, 0.3, "part of the clips shown as black, for guidance");
ABSL_FLAG(double, conditioner_rate, 0.05,
          "learning rate of what encodes the video, over the token model's; 0: it stays as it is");
ABSL_FLAG(double, hidden_history, 0.5, "part of the clips whose past tokens are hidden");
ABSL_FLAG(double, noisy_history, 0.5, "part of the clips whose past has foreign frames");
ABSL_FLAG(double, short_clips, 0.5, "part of the steps that hear a clip's beginning only");

namespace vidmuse::train {
namespace {

HashModelSizes Sizes() {
  HashModelSizes sizes;
  sizes.codec_dimension = absl::GetFlag(FLAGS_codec_dim);
  sizes.codec_filters = absl::GetFlag(FLAGS_codec_filters);
  sizes.codec_bins = sizes.card = absl::GetFlag(FLAGS_card);
  sizes.dim = absl::GetFlag(FLAGS_dim);
  sizes.num_heads = absl::GetFlag(FLAGS_heads);
  sizes.num_layers = absl::GetFlag(FLAGS_layers);
  sizes.hidden_scale = absl::GetFlag(FLAGS_hidden_scale);
  sizes.clip_width = absl::GetFlag(FLAGS_clip_width);
  sizes.clip_layers = absl::GetFlag(FLAGS_clip_layers);
  sizes.clip_mlp = absl::GetFlag(FLAGS_clip_mlp);
  sizes.temporal_layers = absl::GetFlag(FLAGS_temporal_layers);
  return sizes;
}

absl::Status CheckRange(const char* name, double value, double min, double max) {
  if (value >= min && value <= max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--", name, " is ", value, ", expected ", min, " to ", max));
}

absl::Status CheckFlags() {
  constexpr double kMany = 1e9;
  RETURN_IF_ERROR(CheckRange("steps", absl::GetFlag(FLAGS_steps), 1, kMany));
  RETURN_IF_ERROR(CheckRange("warmup", absl::GetFlag(FLAGS_warmup), 0, kMany));
  RETURN_IF_ERROR(CheckRange("checkpoint_steps", absl::GetFlag(FLAGS_checkpoint_steps), 1, kMany));
  RETURN_IF_ERROR(CheckRange("keep_checkpoints", absl::GetFlag(FLAGS_keep_checkpoints), 1, kMany));
  RETURN_IF_ERROR(CheckRange("learning_rate", absl::GetFlag(FLAGS_learning_rate), 0, 1));
  RETURN_IF_ERROR(CheckRange("ema", absl::GetFlag(FLAGS_ema), 0, 1));
  RETURN_IF_ERROR(CheckRange("batch", absl::GetFlag(FLAGS_batch), 1, 4096));
  RETURN_IF_ERROR(CheckRange("null_condition", absl::GetFlag(FLAGS_null_condition), 0, 1));
  RETURN_IF_ERROR(CheckRange("conditioner_rate", absl::GetFlag(FLAGS_conditioner_rate), 0, 1));
  RETURN_IF_ERROR(CheckRange("hidden_history", absl::GetFlag(FLAGS_hidden_history), 0, 1));
  RETURN_IF_ERROR(CheckRange("noisy_history", absl::GetFlag(FLAGS_noisy_history), 0, 1));
  RETURN_IF_ERROR(CheckRange("short_clips", absl::GetFlag(FLAGS_short_clips), 0, 1));
  // A clip must fit the token model's window.
  RETURN_IF_ERROR(CheckRange("seconds", absl::GetFlag(FLAGS_seconds), 1, 30));
  RETURN_IF_ERROR(CheckRange("clips", absl::GetFlag(FLAGS_clips), 1, kMany));
  return CheckRange("threads", absl::GetFlag(FLAGS_threads), 1, 1024);
}

absl::StatusOr<TrainingOptions> Options(const std::string& name) {
  TrainingOptions options;
  options.name = name;
  options.work_dir = absl::GetFlag(FLAGS_work_dir);
  if (options.work_dir.empty()) return absl::InvalidArgumentError("--work_dir is needed");
  if (absl::GetFlag(FLAGS_out).empty()) return absl::InvalidArgumentError("--out is needed");
  options.steps = absl::GetFlag(FLAGS_steps);
  options.warmup_steps = absl::GetFlag(FLAGS_warmup);
  options.learning_rate = absl::GetFlag(FLAGS_learning_rate);
  options.ema_decay = absl::GetFlag(FLAGS_ema);
  options.checkpoint_steps = absl::GetFlag(FLAGS_checkpoint_steps);
  options.keep_checkpoints = absl::GetFlag(FLAGS_keep_checkpoints);
  options.mixed_precision = absl::GetFlag(FLAGS_mixed_precision);
  ASSIGN_OR_RETURN(options.device, OpenDevice(absl::GetFlag(FLAGS_device)));
  return options;
}

absl::StatusOr<std::unique_ptr<ClipSource>> Clips() {
  const std::string manifest = absl::GetFlag(FLAGS_manifest);
  if (!manifest.empty()) return ManifestClips(manifest, absl::GetFlag(FLAGS_seconds));
  return SyntheticClips(absl::GetFlag(FLAGS_first_clip), absl::GetFlag(FLAGS_clips),
                        absl::GetFlag(FLAGS_seconds));
}

absl::Status RunCodec() {
  const std::string init = absl::GetFlag(FLAGS_init);
  const uint64_t seed = absl::GetFlag(FLAGS_seed);
  ASSIGN_OR_RETURN(TrainingOptions options, Options("codec"));
  options.beta1 = 0.8;
  options.beta2 = 0.99;
  options.weight_decay = 0;
  CodecTrainingOptions codec_options;
  codec_options.batch = absl::GetFlag(FLAGS_batch);
  codec_options.seed = seed;
  codec_options.free_steps = init.empty() ? absl::GetFlag(FLAGS_free_steps) : -1;
  ASSIGN_OR_RETURN(CodecModel model, init.empty() ? NewCodec(Sizes(), seed) : ReadCodec(init));
  RETURN_IF_ERROR(CheckWritable(model));
  ASSIGN_OR_RETURN(const std::unique_ptr<ClipSource> clips, Clips());
  ASSIGN_OR_RETURN(const std::unique_ptr<WorkDir> work_dir, WorkDir::Open(options.work_dir));
  ASSIGN_OR_RETURN(const std::unique_ptr<TrainingRun> run,
                   TrainingRun::Open(options, std::move(model.parameters)));
  RETURN_IF_ERROR(TrainCodec(model.config, codec_options, *clips, *run));
  model.parameters = run->average();
  return WriteCodec(model, absl::GetFlag(FLAGS_out));
}

// Encodes the clips with the codec in `directory`. The codec is unloaded before this returns.
absl::StatusOr<at::Tensor> ClipCodes(const std::string& directory, const TokenModel& model,
                                     ClipSource& clips, const std::string& path) {
  ASSIGN_OR_RETURN(const CodecModel codec, ReadCodec(directory, absl::GetFlag(FLAGS_codec_dir)));
  RETURN_IF_ERROR(CheckMatch("the token model", model.config, "the codec", codec.config));
  return EncodeClips(codec, clips, path);
}

// Trains the token model. The codec is read from --init or, if that is empty, from --out, where the
// codec's run wrote it.
absl::Status RunTokens() {
  const std::string init = absl::GetFlag(FLAGS_init);
  const std::string out = absl::GetFlag(FLAGS_out);
  const uint64_t seed = absl::GetFlag(FLAGS_seed);
  ASSIGN_OR_RETURN(TrainingOptions options, Options("tokens"));
  for (const char* part : {"visual_", "local_", "global_", "multi_head_cross_attention."}) {
    options.rate_factors.emplace_back(part, absl::GetFlag(FLAGS_conditioner_rate));
  }
  TokenTrainingOptions token_options;
  token_options.batch = absl::GetFlag(FLAGS_batch);
  token_options.seed = seed;
  token_options.local_frames = absl::GetFlag(FLAGS_local_frames);
  token_options.global_frames = absl::GetFlag(FLAGS_global_frames);
  token_options.null_condition = absl::GetFlag(FLAGS_null_condition);
  token_options.hidden_history = absl::GetFlag(FLAGS_hidden_history);
  token_options.noisy_history = absl::GetFlag(FLAGS_noisy_history);
  token_options.short_clips = absl::GetFlag(FLAGS_short_clips);
  ASSIGN_OR_RETURN(TokenModel model,
                   init.empty() ? NewTokenModel(Sizes(), seed) : ReadTokenModel(init));
  ASSIGN_OR_RETURN(const std::unique_ptr<ClipSource> clips, Clips());
  ASSIGN_OR_RETURN(const std::unique_ptr<WorkDir> work_dir, WorkDir::Open(options.work_dir));
  const std::string codec = init.empty() ? out : init;
  ASSIGN_OR_RETURN(const at::Tensor codes,
                   ClipCodes(codec, model, *clips, options.work_dir + "/codes.bin"));
  ASSIGN_OR_RETURN(const std::unique_ptr<TrainingRun> run,
                   TrainingRun::Open(options, std::move(model.parameters)));
  RETURN_IF_ERROR(TrainTokens(model.config, token_options, codes, *clips, *run));
  model.parameters = run->average();
  RETURN_IF_ERROR(CopyCodec(codec, absl::GetFlag(FLAGS_codec_dir), out));
  return WriteTokenModel(model, out);
}

// Evaluates the clips' own music, the same music through the model's codec, and the model's music.
absl::Status RunEvaluation() {
  ModelOptions options;
  options.model_dir = absl::GetFlag(FLAGS_model_dir);
  options.codec_dir = absl::GetFlag(FLAGS_codec_dir);
  options.device = "cpu";
  const int seconds = absl::GetFlag(FLAGS_seconds);
  const auto show = [](const std::string& name, const MusicMaker& make) -> absl::Status {
    ASSIGN_OR_RETURN(const Evaluation evaluation,
                     Evaluate(make, absl::GetFlag(FLAGS_first_clip),
                              static_cast<int>(absl::GetFlag(FLAGS_clips))));
    std::printf("%s\n", EvaluationLine(name, evaluation).c_str());
    std::fflush(stdout);
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(show("the clips' own music", OwnMusic(seconds)));
  ASSIGN_OR_RETURN(const CodecModel codec, ReadCodec(options.model_dir, options.codec_dir));
  RETURN_IF_ERROR(show("through the codec", CodecMusic(codec, seconds)));
  ASSIGN_OR_RETURN(const std::unique_ptr<MusicModel> model, LoadModel(options));
  SamplingOptions sampling;
  sampling.cfg_coef = absl::GetFlag(FLAGS_cfg_coef).value_or(model->info().default_cfg_coef);
  sampling.temperature = absl::GetFlag(FLAGS_temperature);
  sampling.top_k = absl::GetFlag(FLAGS_top_k);
  return show("the model's music", ModelMusic(*model, sampling, seconds));
}

absl::Status Run(const std::string& command) {
  RETURN_IF_ERROR(CheckFlags());
  at::set_num_threads(absl::GetFlag(FLAGS_threads));
  if (command == "clips") {
    if (absl::GetFlag(FLAGS_out).empty()) return absl::InvalidArgumentError("--out is needed");
    return WriteClips(absl::GetFlag(FLAGS_first_clip), absl::GetFlag(FLAGS_clips),
                      absl::GetFlag(FLAGS_seconds), absl::GetFlag(FLAGS_out));
  }
  if (command == "evaluate") return RunEvaluation();
  if (command == "codec") return RunCodec();
  if (command == "tokens") return RunTokens();
  return absl::InvalidArgumentError(
      absl::StrCat("command '", command, "', expected clips, codec, tokens or evaluate"));
}

}  // namespace
}  // namespace vidmuse::train

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "Trains VidMuse.\n"
      "  vidmuse_train clips --out DIR --clips N             writes synthetic clips and a "
      "manifest\n"
      "  vidmuse_train codec  --work_dir W --out MODEL_DIR   trains a codec\n"
      "  vidmuse_train tokens --work_dir W --out MODEL_DIR   trains a token model on its tokens\n"
      "  vidmuse_train evaluate --model_dir MODEL_DIR        measures its music for new clips\n"
      "A run goes on from its last checkpoint in --work_dir.");
  const auto rest = absl::ParseCommandLine(argc, argv);
  const absl::Status status = vidmuse::train::Run(rest.size() == 2 ? rest[1] : "");
  if (!status.ok()) {
    std::fprintf(stderr, "vidmuse_train: %s\n", status.ToString().c_str());
    return 1;
  }
  return 0;
}
