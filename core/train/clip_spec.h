// What a synthetic clip is: a few choices that its picture and its music share.
#ifndef VIDMUSE_TRAIN_CLIP_SPEC_H_
#define VIDMUSE_TRAIN_CLIP_SPEC_H_

#include <array>
#include <cstdint>

namespace vidmuse::train {

// Token frames (20 ms) from one note to the next; each note begins on the nearest whole one. With
// two notes a beat: 64, 86, 115, 154 beats a minute. These are periods of the sines that tell a
// token model 128 wide its positions, 2 pi 10000^(i / 63) for i = 9, 7, 5, 3: so small a model can
// read the beat off them.
inline constexpr std::array<double, 4> kNoteFrames = {23.422, 17.484, 13.051, 9.742};
inline constexpr int kTempos = static_cast<int>(kNoteFrames.size());
inline constexpr int kTimbres = 3;
inline constexpr int kProgressions = 2;

// All but the progression shows in the picture, and the music follows it. The seed draws the rest.
struct ClipSpec {
  uint64_t seed = 0;
  bool minor = false;   // a cold palette; else a warm one
  int tempo = 0;        // index of kNoteFrames: how fast and many the shapes are, the hue
  bool high = false;    // bright, small shapes; else dark, large ones
  int timbre = 0;       // discs, squares or diamonds
  int progression = 0;  // of two a mode
};

// The clip of that seed.
ClipSpec MakeClipSpec(uint64_t seed);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_CLIP_SPEC_H_
