// MusicGen's delay pattern ("Simple and Controllable Music Generation", Copet et al., 2023, section
// 2.2): in a sequence, codebook k is k steps late.
//
//   step        0  1   2   3   4   ...     `card` is the special token; a.b is codebook b of
//   codebook 0  .  0.0 1.0 2.0 3.0         frame a; . stands for `card`
//   codebook 1  .  .   0.1 1.1 2.1
//   codebook 2  .  .   .   0.2 1.2
//   codebook 3  .  .   .   .   0.3
#ifndef VIDMUSE_MODEL_ARCHITECTURE_DELAY_PATTERN_H_
#define VIDMUSE_MODEL_ARCHITECTURE_DELAY_PATTERN_H_

namespace vidmuse {

// The frame whose token codebook `codebook` has at sequence step `step`. Where it is below 0, or
// not below the number of frames, the step holds the special token.
constexpr int FrameAt(int step, int codebook) { return step - 1 - codebook; }

// The sequence step that holds a frame's token of a codebook.
constexpr int StepOf(int frame, int codebook) { return frame + 1 + codebook; }

// The number of steps of a sequence of T frames. The last one is drawn, but never fed.
constexpr int SequenceSteps(int frames, int codebooks) { return frames + codebooks; }

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_ARCHITECTURE_DELAY_PATTERN_H_
