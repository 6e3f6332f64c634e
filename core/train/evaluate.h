// Measures whether a model's music follows the picture, on synthetic clips whose tempo and mode are
// known.
#ifndef VIDMUSE_TRAIN_EVALUATE_H_
#define VIDMUSE_TRAIN_EVALUATE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/architecture/video_frames.h"
#include "core/model/music_model.h"
#include "core/train/model_files.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse::train {

// Music for a video that fits one window, made as the server does: tokens, then samples.
absl::StatusOr<std::vector<float>> MakeMusic(MusicModel& model, const VideoFrames& video,
                                             const SamplingOptions& sampling);

// Mean values over `clips` clips.
struct Evaluation {
  int clips = 0;
  double flatness = 0;
  double onsets_per_second = 0;
  double rms = 0;
  double tempo_accuracy = 0;  // guessing gives 1/4
  double mode_accuracy = 0;   // guessing gives 1/2
};

// Makes the music for the synthetic clip with a given seed.
using MusicMaker = std::function<absl::StatusOr<std::vector<float>>(uint64_t seed)>;

// Evaluates what `make` makes for `clips` clips with seeds from `first_seed` on.
absl::StatusOr<Evaluation> Evaluate(const MusicMaker& make, uint64_t first_seed, int clips);

// The clip's own music.
MusicMaker OwnMusic(int seconds);
// The clip's own music, encoded and decoded by `codec`, which must outlive the result.
MusicMaker CodecMusic(const CodecModel& codec, int seconds);
// What `model` makes for the clip's picture, sampled with the clip's seed. The model must outlive
// the result.
MusicMaker ModelMusic(MusicModel& model, const SamplingOptions& sampling, int seconds);

std::string EvaluationLine(const std::string& name, const Evaluation& evaluation);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_EVALUATE_H_
