// Measures audio, and estimates the tempo and mode of synthetic clips' music.
#ifndef VIDMUSE_TRAIN_MUSIC_ANALYSIS_H_
#define VIDMUSE_TRAIN_MUSIC_ANALYSIS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace vidmuse::train {

struct MusicMeasures {
  // Spectral flatness from 50 Hz to 12 kHz: geometric over arithmetic mean of the power spectrum,
  // averaged over time. It is near 0 for tones and 0.56 for white noise.
  double flatness = 0;
  double onsets_per_second = 0;
  double rms = 0;
  // Index of kNoteFrames whose pulse fits the onsets best.
  int tempo = 0;
  // Whether the pitches that only the minor scale has are louder than those only the major has.
  bool minor = false;
};

// `samples`: 32 kHz mono, at least 1 s. INVALID_ARGUMENT if it is shorter; see CatchTorch for other
// errors.
absl::StatusOr<MusicMeasures> MeasureMusic(absl::Span<const float> samples);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_MUSIC_ANALYSIS_H_
