// Trains the token model and its conditioner on a codec's tokens.
#ifndef VIDMUSE_TRAIN_TRAIN_TOKENS_H_
#define VIDMUSE_TRAIN_TRAIN_TOKENS_H_

#include <ATen/core/Tensor.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/checkpoint/model_config.h"
#include "core/train/clip_source.h"
#include "core/train/model_files.h"
#include "core/train/parameters.h"
#include "core/train/training_run.h"

namespace vidmuse::train {

struct TokenTrainingOptions {
  int batch = 8;
  uint64_t seed = 1;
  // Frames of a clip in a step, drawn anew each time; 0: all. Each frame passes the conditioner on
  // its own and attention has no order, so a few stand for all of them.
  int local_frames = 4;
  int global_frames = 4;
  double null_condition = 0.3;  // part of the clips that see black frames, for guidance
  // Part of the clips of which many or all steps' tokens are hidden. Music can be told from what
  // was played before; without that, it must be told from the picture.
  double hidden_history = 0.5;
  // Part of the clips of whose past some frames are taken from other moments of other clips, so
  // that the model doesn't trust its own slips when it makes music.
  double noisy_history = 0.5;
  // Part of the steps that hear only a clip's beginning, a quarter or half of it: that is where the
  // picture must tell the tempo, and it is quicker.
  double short_clips = 0.5;
};

// The codes of all clips, [clips][codebooks][frames] int16, computed once: kept in `path` for the
// same clips and codec.
absl::StatusOr<at::Tensor> EncodeClips(const CodecModel& codec, ClipSource& clips,
                                       const std::string& path);

// Runs `run` to its end. `codes`: of `clips`.
absl::Status TrainTokens(const LmConfig& config, const TokenTrainingOptions& options,
                         const at::Tensor& codes, ClipSource& clips, TrainingRun& run);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_TRAIN_TOKENS_H_
