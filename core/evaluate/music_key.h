// The key of music.
#ifndef VIDMUSE_EVALUATE_MUSIC_KEY_H_
#define VIDMUSE_EVALUATE_MUSIC_KEY_H_

#include <array>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace vidmuse::evaluate {

// How loud each pitch class is, from C to B.
using Chroma = std::array<double, 12>;

// The mean over frames of the chroma, each frame's scaled to a maximum of 1:
// librosa.feature.chroma_stft(sr=22050, n_fft=8192, hop_length=2048, tuning=0), averaged.
// `samples` are mono, at kRhythmRate (rhythm.h). INVALID_ARGUMENT: there are fewer than 8192, or
// one isn't finite. See RunTorch for other errors.
absl::StatusOr<Chroma> MeanChroma(absl::Span<const float> samples);

struct MusicKey {
  int tonic = 0;  // 0 is C, 11 is B
  bool minor = false;
  double correlation = 0;  // with the key's profile, in [-1, 1]; 0: the music has no key
  double margin = 0;       // to the next best key's correlation

  std::string Name() const;  // for example "F# minor"
};

// The key whose profile (Krumhansl and Kessler, 1982) has the highest correlation with the chroma
// (Krumhansl, "Cognitive Foundations of Musical Pitch", 1990).
MusicKey FindKey(const Chroma& chroma);

// How two keys agree: relative keys (C major, A minor) share their notes, parallel ones (C major, C
// minor) their tonic.
enum class KeyAgreement { kNone, kParallel, kRelative, kSame };
KeyAgreement CompareKeys(const MusicKey& reference, const MusicKey& key);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_MUSIC_KEY_H_
