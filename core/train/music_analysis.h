// What can be heard in music: measures of audio, and the tempo and mode of synthetic clips.
#ifndef VIDMUSE_TRAIN_MUSIC_ANALYSIS_H_
#define VIDMUSE_TRAIN_MUSIC_ANALYSIS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace vidmuse::train {

struct MusicMeasures {
  // Geometric over arithmetic mean of the power spectrum from 50 Hz to 12 kHz, averaged over time:
  // near 0 for tones, 0.56 for white noise.
  double flatness = 0;
  double onsets_per_second = 0;
  double rms = 0;
  int tempo = 0;       // index of kNoteFrames whose pulse fits the onsets best
  bool minor = false;  // more energy in the minor scale's own pitches than in the major one's
};

// `samples`: 32 kHz mono, at least 1 s. Errors: INVALID_ARGUMENT, or Torch's.
absl::StatusOr<MusicMeasures> MeasureMusic(absl::Span<const float> samples);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_MUSIC_ANALYSIS_H_
