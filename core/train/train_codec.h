// Trains the codec.
#ifndef VIDMUSE_TRAIN_TRAIN_CODEC_H_
#define VIDMUSE_TRAIN_TRAIN_CODEC_H_

#include "absl/status/status.h"
#include "core/model/checkpoint/model_config.h"
#include "core/train/clip_source.h"
#include "core/train/parameters.h"
#include "core/train/training_run.h"

namespace vidmuse::train {

struct CodecTrainingOptions {
  int batch = 8;
  int crop_frames = 50;  // token frames of a crop, which begins where a token frame does
  uint64_t seed = 1;
  // Steps without codebooks, which then begin among latents that mean something. -1: the codebooks
  // are trained already.
  int64_t free_steps = 200;
  double waveform_weight = 5.0;
  double commitment_weight = 0.25;
};

// Runs `run` to its end on crops of the clips' audio. Loss: short-time spectra, the samples' mean
// absolute distance, and the commitment of latents to their vectors.
absl::Status TrainCodec(const CodecConfig& config, const CodecTrainingOptions& options,
                        ClipSource& clips, TrainingRun& run);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_TRAIN_CODEC_H_
