// vidmuse_train: trains the codec and the token model, and measures what they make.
#include <ATen/Parallel.h>

#include <cstdio>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/hash_model/layout.h"
#include "core/train/clip_source.h"
#include "core/train/parameters.h"
#include "core/train/train_codec.h"
#include "core/train/training_run.h"

ABSL_FLAG(std::string, work_dir, "", "where checkpoints, curves and cached tokens are");
ABSL_FLAG(int64_t, steps, 1000, "steps of the run");
ABSL_FLAG(int64_t, warmup, 100, "steps until the full learning rate");
ABSL_FLAG(double, learning_rate, 1e-3, "the highest");
ABSL_FLAG(double, ema, 0.99, "decay of the averaged weights");
ABSL_FLAG(int, batch, 8, "clips a step");
ABSL_FLAG(uint64_t, seed, 1, "of weights, batches and dropout");
ABSL_FLAG(int64_t, checkpoint_steps, 100, "steps from one checkpoint to the next");
ABSL_FLAG(std::string, device, "cpu", "cpu or cuda");
ABSL_FLAG(bool, mixed_precision, false, "matrix products in bfloat16");
ABSL_FLAG(int, threads, 1, "of Torch; results are the same again only with the same number");
ABSL_FLAG(int64_t, clips, 1000, "number of synthetic clips");
ABSL_FLAG(uint64_t, first_clip, 0, "seed of the first synthetic clip");
ABSL_FLAG(int, seconds, 8, "length of a clip");
ABSL_FLAG(int, codec_dim, 64, "width of the codec's vectors");
ABSL_FLAG(int, codec_filters, 8, "width of the codec's last stage");
ABSL_FLAG(int64_t, free_steps, 200, "codec: steps without codebooks");
ABSL_FLAG(int, card, 256, "tokens a codebook");

namespace vidmuse::train {
namespace {

HashModelSizes Sizes() {
  HashModelSizes sizes;
  sizes.codec_dimension = absl::GetFlag(FLAGS_codec_dim);
  sizes.codec_filters = absl::GetFlag(FLAGS_codec_filters);
  sizes.codec_bins = sizes.card = absl::GetFlag(FLAGS_card);
  return sizes;
}

absl::StatusOr<TrainingOptions> Options(const std::string& name) {
  TrainingOptions options;
  options.name = name;
  options.work_dir = absl::GetFlag(FLAGS_work_dir);
  options.steps = absl::GetFlag(FLAGS_steps);
  options.warmup_steps = absl::GetFlag(FLAGS_warmup);
  options.learning_rate = absl::GetFlag(FLAGS_learning_rate);
  options.ema_decay = absl::GetFlag(FLAGS_ema);
  options.checkpoint_steps = absl::GetFlag(FLAGS_checkpoint_steps);
  options.mixed_precision = absl::GetFlag(FLAGS_mixed_precision);
  ASSIGN_OR_RETURN(options.device, OpenDevice(absl::GetFlag(FLAGS_device)));
  return options;
}

absl::Status RunCodec() {
  const HashModelSizes sizes = Sizes();
  ASSIGN_OR_RETURN(const CodecConfig config, ParseAudiocraftCodecConfig(CodecYaml(sizes)));
  ASSIGN_OR_RETURN(TrainingOptions options, Options("codec"));
  options.beta1 = 0.8;
  options.beta2 = 0.99;
  options.weight_decay = 0;
  CodecTrainingOptions codec_options;
  codec_options.batch = absl::GetFlag(FLAGS_batch);
  codec_options.seed = absl::GetFlag(FLAGS_seed);
  codec_options.free_steps = absl::GetFlag(FLAGS_free_steps);
  const auto clips = SyntheticClips(absl::GetFlag(FLAGS_first_clip), absl::GetFlag(FLAGS_clips),
                                    absl::GetFlag(FLAGS_seconds));
  ASSIGN_OR_RETURN(const auto run, TrainingRun::Open(options, Parameters::Initialize(
                                                                  CodecTensors(sizes),
                                                                  codec_options.seed)));
  return TrainCodec(config, codec_options, *clips, *run);
}

}  // namespace
}  // namespace vidmuse::train

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("vidmuse_train codec --work_dir DIR");
  const auto rest = absl::ParseCommandLine(argc, argv);
  at::set_num_threads(absl::GetFlag(FLAGS_threads));
  const std::string command = rest.size() == 2 ? rest[1] : "";
  absl::Status status = absl::InvalidArgumentError(absl::StrCat("no command '", command, "'"));
  if (command == "codec") status = vidmuse::train::RunCodec();
  if (!status.ok()) {
    std::fprintf(stderr, "vidmuse_train: %s\n", status.ToString().c_str());
    return 1;
  }
  return 0;
}
