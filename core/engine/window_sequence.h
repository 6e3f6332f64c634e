// One window's tokens in the delay pattern. Tells what to feed next and which frames are complete.
#ifndef VIDMUSE_ENGINE_WINDOW_SEQUENCE_H_
#define VIDMUSE_ENGINE_WINDOW_SEQUENCE_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "core/model/architecture/delay_pattern.h"

namespace vidmuse {

// Steps and codebooks are those of core/model/architecture/delay_pattern.h. Positions outside the
// window's frames hold the special token `card`, so step 0 holds nothing else.
// Not thread-safe.
class WindowSequence {
 public:
  // `known`: [n][codebooks] tokens of the window's first n < `frames` frames, which are the prompt
  // and any frames that were made before.
  WindowSequence(int frames, int codebooks, int card, absl::Span<const int32_t> known);

  // How many sequence steps are fed in all. The KV cache must hold them.
  static int Capacity(int frames, int codebooks) { return SequenceSteps(frames, codebooks) - 1; }

  // How many steps have known tokens and are not fed yet; >= 1 until done().
  int pending() const { return drawn_ - fed_; }
  // The tokens of the next `n` <= pending() steps, [n][codebooks].
  absl::Span<const int32_t> Next(int n) const;
  // The window's frame that codebook 0 has in the step drawn after all pending ones.
  int drawn_frame() const { return FrameAt(drawn_, 0); }

  // To be called when `n` < pending() steps were fed, so that nothing was drawn.
  void Fed(int n) { fed_ += n; }
  // To be called when all pending steps were fed and `tokens` [codebooks] were drawn.
  void Drawn(absl::Span<const int32_t> tokens);

  bool done() const { return drawn_ == SequenceSteps(frames_, codebooks_); }
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
  int fed_ = 0;                 // steps [0, fed_) were fed
  int drawn_;                   // steps [0, drawn_) have their tokens
};

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_WINDOW_SEQUENCE_H_
