// Trains the token model and its conditioner on a codec's tokens.
#ifndef VIDMUSE_TRAIN_TRAIN_TOKENS_H_
#define VIDMUSE_TRAIN_TRAIN_TOKENS_H_

#include <ATen/core/Tensor.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/architecture/model_config.h"
#include "core/train/clip_source.h"
#include "core/train/model_files.h"
#include "core/train/parameters.h"
#include "core/train/training_run.h"

namespace vidmuse::train {

struct TokenTrainingOptions {
  int batch = 8;
  uint64_t seed = 1;
  // Number of a clip's frames that a step sees, drawn anew each time; 0 means all. A few frames can
  // stand for all, because each frame is encoded on its own and attention ignores their order.
  int local_frames = 4;
  int global_frames = 4;
  // Share of the clips that get black frames, the null condition of guidance.
  double null_condition = 0.3;
  // Share of the clips with the tokens of many or all steps hidden. The next token is easy to
  // predict from the music so far; without it, the model must use the picture.
  double hidden_history = 0.5;
  // Share of the clips whose past has some frames replaced by random frames of the batch, so that
  // the model learns to recover from its own errors when it makes music.
  double noisy_history = 0.5;
  // Share of the steps that use only the first half or quarter of each clip. There the model must
  // take the tempo from the picture; such steps are also faster.
  double short_clips = 0.5;
};

// The codes of all clips, [clips][codebooks][frames] int16. They are cached in the file `path`,
// which is used again for the same clips and codec.
absl::StatusOr<at::Tensor> EncodeClips(const CodecModel& codec, ClipSource& clips,
                                       const std::string& path);

// Runs `run` to its end. `codes` are those of `clips`, from EncodeClips.
absl::Status TrainTokens(const LmConfig& config, const TokenTrainingOptions& options,
                         const at::Tensor& codes, ClipSource& clips, TrainingRun& run);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_TRAIN_TOKENS_H_
