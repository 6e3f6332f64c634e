// The music of a synthetic clip: chords, a bass and an arpeggio, in just intonation.
#ifndef VIDMUSE_TRAIN_SYNTHETIC_MUSIC_H_
#define VIDMUSE_TRAIN_SYNTHETIC_MUSIC_H_

#include <vector>

#include "core/train/clip_spec.h"

namespace vidmuse::train {

inline constexpr int kMusicRate = 32000;   // Hz, mono
inline constexpr int kFrameSamples = 640;  // samples per token frame
// Tonic of the high register in Hz; the low register is an octave below.
inline constexpr double kTonic = 300.0;

// The clip's first `seconds` of music, mono at kMusicRate. To be easy to learn for a small codec
// and a small model, notes begin where a token frame does, always with the same phase, and the
// waveforms of most pitches repeat within five frames.
std::vector<float> SynthesizeMusic(const ClipSpec& spec, double seconds);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_SYNTHETIC_MUSIC_H_
