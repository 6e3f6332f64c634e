// vidmuse_train: trains the codec and the token model.
#include <ATen/Parallel.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/base/version.h"
#include "core/model/architecture/conditioner_tensors.h"
#include "core/model/checkpoint/codec_source.h"
#include "core/model/load_model.h"
#include "core/train/clip_source.h"
#include "core/train/evaluate.h"
#include "core/train/media_files.h"
#include "core/train/model_files.h"
#include "core/train/parameters.h"
#include "core/train/train_codec.h"
#include "core/train/train_flags.h"
#include "core/train/train_tokens.h"
#include "core/train/training_run.h"
#include "core/train/work_dir.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse::train {
namespace {

absl::StatusOr<TrainingOptions> Options(const std::string& name, const TrainFlags& flags) {
  TrainingOptions options = flags.training;
  options.name = name;
  if (options.work_dir.empty()) return absl::InvalidArgumentError("--work_dir is needed");
  if (flags.out.empty()) return absl::InvalidArgumentError("--out is needed");
  ASSIGN_OR_RETURN(options.device, OpenDevice(flags.device));
  return options;
}

absl::StatusOr<std::unique_ptr<ClipSource>> Clips(const TrainFlags& flags) {
  if (!flags.manifest.empty()) return ManifestClips(flags.manifest, flags.seconds);
  return SyntheticClips(flags.first_clip, flags.clips, flags.seconds);
}

absl::Status RunCodec(const TrainFlags& flags) {
  ASSIGN_OR_RETURN(TrainingOptions options, Options("codec", flags));
  options.beta1 = 0.8;
  options.beta2 = 0.99;
  options.weight_decay = 0;
  CodecTrainingOptions codec_options;
  codec_options.batch = flags.tokens.batch;
  codec_options.seed = flags.tokens.seed;
  codec_options.free_steps = flags.init.empty() ? flags.free_steps : -1;
  ASSIGN_OR_RETURN(CodecModel model, flags.init.empty() ? NewCodec(flags.sizes, flags.tokens.seed)
                                                        : ReadCodec(flags.init));
  RETURN_IF_ERROR(CheckWritable(model));
  ASSIGN_OR_RETURN(const std::unique_ptr<ClipSource> clips, Clips(flags));
  ASSIGN_OR_RETURN(const std::unique_ptr<WorkDir> work_dir, WorkDir::Open(options.work_dir));
  ASSIGN_OR_RETURN(const std::unique_ptr<TrainingRun> run,
                   TrainingRun::Open(options, std::move(model.parameters)));
  RETURN_IF_ERROR(TrainCodec(model.config, codec_options, *clips, *run));
  model.parameters = run->average();
  return WriteCodec(model, flags.out);
}

// Encodes the clips with the codec in `directory`. The codec is unloaded before this returns.
absl::StatusOr<at::Tensor> ClipCodes(const std::string& directory, const std::string& codec_dir,
                                     const TokenModel& model, ClipSource& clips,
                                     const std::string& path) {
  ASSIGN_OR_RETURN(const CodecModel codec, ReadCodec(directory, codec_dir));
  RETURN_IF_ERROR(CheckMatch("the token model", model.config, "the codec", codec.config));
  return EncodeClips(codec, clips, path);
}

// Trains the token model. The codec is read from --init or, if that is empty, from --out, where the
// codec's run wrote it.
absl::Status RunTokens(const TrainFlags& flags) {
  ASSIGN_OR_RETURN(TrainingOptions options, Options("tokens", flags));
  for (const std::string& beginning : ConditionerBeginnings()) {
    options.rate_factors.emplace_back(beginning, flags.conditioner_rate);
  }
  ASSIGN_OR_RETURN(TokenModel model, flags.init.empty()
                                         ? NewTokenModel(flags.sizes, flags.tokens.seed)
                                         : ReadTokenModel(flags.init));
  ASSIGN_OR_RETURN(const std::unique_ptr<ClipSource> clips, Clips(flags));
  ASSIGN_OR_RETURN(const std::unique_ptr<WorkDir> work_dir, WorkDir::Open(options.work_dir));
  const std::string codec = flags.init.empty() ? flags.out : flags.init;
  ASSIGN_OR_RETURN(const at::Tensor codes, ClipCodes(codec, flags.codec_dir, model, *clips,
                                                     options.work_dir + "/codes.bin"));
  ASSIGN_OR_RETURN(const std::unique_ptr<TrainingRun> run,
                   TrainingRun::Open(options, std::move(model.parameters)));
  RETURN_IF_ERROR(TrainTokens(model.config, flags.tokens, codes, *clips, *run));
  model.parameters = run->average();
  RETURN_IF_ERROR(CopyCodec(codec, flags.codec_dir, flags.out));
  return WriteTokenModel(model, flags.out);
}

// Evaluates the clips' own music, the same music through the model's codec, and the model's music.
absl::Status RunEvaluation(const TrainFlags& flags) {
  ModelOptions options;
  options.model_dir = flags.model_dir;
  options.codec_dir = flags.codec_dir;
  options.device = "cpu";
  const int seconds = flags.seconds;
  const auto show = [&flags](const std::string& name, const MusicMaker& make) -> absl::Status {
    ASSIGN_OR_RETURN(const Evaluation evaluation,
                     Evaluate(make, flags.first_clip, static_cast<int>(flags.clips)));
    std::printf("%s\n", EvaluationLine(name, evaluation).c_str());
    std::fflush(stdout);
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(show("the clips' own music", OwnMusic(seconds)));
  ASSIGN_OR_RETURN(const CodecModel codec, ReadCodec(options.model_dir, options.codec_dir));
  RETURN_IF_ERROR(show("through the codec", CodecMusic(codec, seconds)));
  ASSIGN_OR_RETURN(const std::unique_ptr<MusicModel> model, LoadModel(options));
  SamplingOptions sampling;
  sampling.cfg_coef = flags.cfg_coef.value_or(model->info().default_cfg_coef);
  sampling.temperature = flags.temperature;
  sampling.top_k = flags.top_k;
  return show("the model's music", ModelMusic(*model, sampling, seconds));
}

absl::Status Run(const std::string& command, const TrainFlags& flags) {
  at::set_num_threads(flags.threads);
  if (command == "clips") {
    if (flags.out.empty()) return absl::InvalidArgumentError("--out is needed");
    return WriteClips(flags.first_clip, flags.clips, flags.seconds, flags.out);
  }
  if (command == "evaluate") return RunEvaluation(flags);
  if (command == "codec") return RunCodec(flags);
  if (command == "tokens") return RunTokens(flags);
  return absl::InvalidArgumentError(
      absl::StrCat("command '", command, "', expected clips, codec, tokens or evaluate"));
}

int Main(const std::vector<std::string>& args) {
  TrainFlags flags;
  const absl::StatusOr<CommandLine> line = TrainFlagTable().Parse(args, &flags);
  if (line.ok() && line->help) {
    std::printf(
        "Trains VidMuse.\n"
        "  vidmuse_train clips --out DIR --clips N             writes synthetic clips and a "
        "manifest\n"
        "  vidmuse_train codec  --work_dir W --out MODEL_DIR   trains a codec\n"
        "  vidmuse_train tokens --work_dir W --out MODEL_DIR   trains a token model on its tokens\n"
        "  vidmuse_train evaluate --model_dir MODEL_DIR        measures its music for new clips\n"
        "A run goes on from its last checkpoint in --work_dir.\n\n%s",
        TrainFlagTable().Help().c_str());
    return 0;
  }
  const absl::Status status =
      line.ok() ? Run(line->rest.size() == 1 ? line->rest[0] : "", flags) : line.status();
  if (status.ok()) return 0;
  std::fprintf(stderr, "vidmuse_train: %s\n", status.ToString().c_str());
  return 1;
}

}  // namespace
}  // namespace vidmuse::train

int main(int argc, char** argv) {
  if (vidmuse::PrintVersionIfAsked(argc, argv)) return 0;
  return vidmuse::train::Main(std::vector<std::string>(argv + 1, argv + argc));
}
