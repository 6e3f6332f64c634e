// Trains the codec.
#ifndef VIDMUSE_TRAIN_TRAIN_CODEC_H_
#define VIDMUSE_TRAIN_TRAIN_CODEC_H_

#include "absl/status/status.h"
#include "core/model/architecture/model_config.h"
#include "core/train/clip_source.h"
#include "core/train/parameters.h"
#include "core/train/training_run.h"

namespace vidmuse::train {

struct CodecTrainingOptions {
  int batch = 8;
  // Length of a crop in token frames. Crops begin where a token frame does.
  int crop_frames = 50;
  uint64_t seed = 1;
  // Steps without quantisation, so that the codebooks are initialised from meaningful latents. -1
  // if the codebooks are trained already.
  int64_t free_steps = 200;
  double waveform_weight = 5.0;
  double commitment_weight = 0.25;
};

// Runs `run` to its end on crops of the clips' audio. The loss is the spectral loss plus the
// weighted mean absolute error of the samples and the weighted commitment loss of the latents.
absl::Status TrainCodec(const CodecConfig& config, const CodecTrainingOptions& options,
                        ClipSource& clips, TrainingRun& run);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_TRAIN_CODEC_H_
