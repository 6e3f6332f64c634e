// The music of a synthetic clip: chords, a bass and an arpeggio, in just intonation.
#ifndef VIDMUSE_TRAIN_SYNTHETIC_MUSIC_H_
#define VIDMUSE_TRAIN_SYNTHETIC_MUSIC_H_

#include <vector>

#include "core/train/clip_spec.h"

namespace vidmuse::train {

inline constexpr int kMusicRate = 32000;   // Hz, mono
inline constexpr int kFrameSamples = 640;  // of a token frame
inline constexpr double kTonic = 300.0;  // Hz, of the high register; the low one is an octave below

// The clip's first `seconds`. Notes begin at token frames' starts, with the same phase each time,
// and most pitches repeat within five frames: a small codec and a small model can learn them.
std::vector<float> SynthesizeMusic(const ClipSpec& spec, double seconds);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_SYNTHETIC_MUSIC_H_
