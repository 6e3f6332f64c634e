// One window's tokens in the delay pattern: what to feed next, what was drawn, which frames are
// complete.
#ifndef VIDMUSE_ENGINE_WINDOW_SEQUENCE_H_
#define VIDMUSE_ENGINE_WINDOW_SEQUENCE_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace vidmuse {

// MusicGen's delay pattern (Copet et al., 2023, section 2.2): sequence step s holds, for codebook
// k, frame s - 1 - k; positions outside the window's frames hold the special token `card`. Step 0
// is special throughout. T frames take T + codebooks steps, of which the last is drawn but never
// fed. Plain integers, one thread.
class WindowSequence {
 public:
  // `known`: [n][codebooks] tokens of the window's first n < `frames` frames (prompt, or frames
  // made before).
  WindowSequence(int frames, int codebooks, int card, absl::Span<const int32_t> known);

  // Sequence steps that are fed in all: what a KV cache must hold.
  static int Capacity(int frames, int codebooks) { return frames + codebooks - 1; }

  // Steps whose tokens are known and not yet fed, >= 1 until done.
  int pending() const { return drawn_ - fed_; }
  // Tokens of the next `n` <= pending() steps, [n][codebooks].
  absl::Span<const int32_t> Next(int n) const;
  // Window frame of codebook 0 in the step that is drawn after all pending ones.
  int drawn_frame() const { return drawn_ - 1; }

  // `n` steps were fed; n < pending(), so nothing was drawn.
  void Fed(int n) { fed_ += n; }
  // All pending steps were fed and `tokens` [codebooks] drawn.
  void Drawn(absl::Span<const int32_t> tokens);

  bool done() const { return drawn_ == frames_ + codebooks_; }
  // Frames [0, complete_frames()) of the window have all their tokens.
  int complete_frames() const;
  // Appends the tokens of a complete frame, [codebooks].
  void AppendFrame(int frame, std::vector<int32_t>* out) const;

 private:
  static constexpr int32_t kUnknown = -1;

  int32_t& At(int step, int codebook) {
    return steps_[static_cast<size_t>(step) * codebooks_ + codebook];
  }

  const int frames_;
  const int codebooks_;
  const int32_t special_;
  std::vector<int32_t> steps_;  // [frames + codebooks][codebooks]
  int fed_ = 0;                 // steps fed
  int drawn_;                   // steps [0, drawn_) have their tokens
};

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_WINDOW_SEQUENCE_H_
