#include "core/engine/window_sequence.h"

#include <algorithm>

namespace vidmuse {

WindowSequence::WindowSequence(int frames, int codebooks, int card, absl::Span<const int32_t> known)
    : frames_(frames),
      codebooks_(codebooks),
      special_(card),
      steps_(static_cast<size_t>(SequenceSteps(frames, codebooks)) * codebooks, special_) {
  const int known_frames = static_cast<int>(known.size()) / codebooks;
  for (int frame = 0; frame < frames; ++frame) {
    for (int k = 0; k < codebooks; ++k) {
      At(StepOf(frame, k), k) =
          frame < known_frames ? known[static_cast<size_t>(frame) * codebooks + k] : kUnknown;
    }
  }
  // The first step to draw is the first one that holds frame `known_frames`. Its later codebooks
  // hold earlier frames, whose known tokens stay.
  drawn_ = StepOf(known_frames, 0);
}

absl::Span<const int32_t> WindowSequence::Next(int n) const {
  return absl::MakeConstSpan(steps_).subspan(static_cast<size_t>(fed_) * codebooks_,
                                             static_cast<size_t>(n) * codebooks_);
}

void WindowSequence::Drawn(absl::Span<const int32_t> tokens) {
  fed_ = drawn_;
  for (int k = 0; k < codebooks_; ++k) {
    int32_t& token = At(drawn_, k);
    if (token == kUnknown) token = tokens[k];
  }
  ++drawn_;
}

int WindowSequence::complete_frames() const {
  return std::clamp(FrameAt(drawn_, codebooks_ - 1), 0, frames_);
}

void WindowSequence::AppendFrame(int frame, std::vector<int32_t>* out) const {
  for (int k = 0; k < codebooks_; ++k) {
    out->push_back(steps_[static_cast<size_t>(StepOf(frame, k)) * codebooks_ + k]);
  }
}

}  // namespace vidmuse
