// Does the music of a model follow the picture? Measured on synthetic clips, whose tempo and mode
// are known.
#ifndef VIDMUSE_TRAIN_EVALUATE_H_
#define VIDMUSE_TRAIN_EVALUATE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/music_model.h"
#include "core/model/video_frames.h"
#include "core/train/model_files.h"

namespace vidmuse::train {

// Music of one window for a video, as the server makes it: tokens, then samples.
absl::StatusOr<std::vector<float>> MakeMusic(MusicModel& model, const VideoFrames& video,
                                             const SamplingOptions& sampling);

// Means over clips.
struct Evaluation {
  int clips = 0;
  double flatness = 0;
  double onsets_per_second = 0;
  double rms = 0;
  double tempo_accuracy = 0;  // chance: 1/4
  double mode_accuracy = 0;   // chance: 1/2
};

// Makes the music of the synthetic clip of a seed.
using MusicMaker = std::function<absl::StatusOr<std::vector<float>>(uint64_t seed)>;

// Of the music that `make` makes for the clips of seeds `first_seed` on.
absl::StatusOr<Evaluation> Evaluate(const MusicMaker& make, uint64_t first_seed, int clips);

// The clips' own music; the same through a codec; what a model makes for their pictures, with the
// clip's seed for its random numbers.
MusicMaker OwnMusic(int seconds);
MusicMaker CodecMusic(const CodecModel& codec, int seconds);
MusicMaker ModelMusic(MusicModel& model, const SamplingOptions& sampling, int seconds);

std::string EvaluationLine(const std::string& name, const Evaluation& evaluation);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_EVALUATE_H_
