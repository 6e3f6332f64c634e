// Describes a synthetic clip by a few properties that its picture and its music share.
#ifndef VIDMUSE_TRAIN_CLIP_SPEC_H_
#define VIDMUSE_TRAIN_CLIP_SPEC_H_

#include <array>
#include <cstdint>

namespace vidmuse::train {

// Token frames (20 ms) from one note to the next; each note begins at the nearest whole frame. With
// two notes per beat, the tempos are 64, 86, 115 and 154 beats per minute. The values are periods
// of the sinusoidal position embedding of a token model of width 128, 2 pi 10000^(i / 63) with i in
// {9, 7, 5, 3}, so that even a small model can read the beat from its position.
inline constexpr std::array<double, 4> kNoteFrames = {23.422, 17.484, 13.051, 9.742};
inline constexpr int kTempos = static_cast<int>(kNoteFrames.size());
inline constexpr int kTimbres = 3;
inline constexpr int kProgressions = 2;

// Every property but the progression can be seen in the picture and heard in the music. Everything
// else about the clip is drawn at random from the seed.
struct ClipSpec {
  uint64_t seed = 0;
  // Minor mode has cold colours, major mode warm ones.
  bool minor = false;
  // Index of kNoteFrames. It also sets the hue, and the speed and number of the shapes.
  int tempo = 0;
  // The high register has small shapes on a bright ground, the low one large shapes on a dark one.
  bool high = false;
  // 0: discs, 1: squares, 2: diamonds.
  int timbre = 0;
  // Index of the chord progression; each mode has kProgressions of them.
  int progression = 0;
};

// Draws the properties of the clip with this seed.
ClipSpec MakeClipSpec(uint64_t seed);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_CLIP_SPEC_H_
