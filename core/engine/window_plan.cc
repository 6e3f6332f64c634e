#include "core/engine/window_plan.h"

#include <algorithm>

namespace vidmuse {

std::vector<WindowSpec> PlanWindows(int seconds, int overlap, Alignment alignment) {
  constexpr int kTokensPerLocalFrame = kFrameRate / 2;
  const int stride = kWindowFrames - overlap;
  const int64_t total = int64_t{seconds} * kFrameRate;
  const int total_local = 2 * seconds;
  std::vector<WindowSpec> windows;
  int first_local = 0;
  int64_t offset = 0;
  int prompt = 0;
  while (offset + prompt < total) {
    WindowSpec window;
    window.first_frame = offset;
    window.frames = static_cast<int>(std::min<int64_t>(total - offset, kWindowFrames));
    window.prompt_frames = prompt;
    window.first_local = first_local;
    window.local_count = std::min(window.frames / kTokensPerLocalFrame, total_local - first_local);
    windows.push_back(window);
    // The first local frame moves on as the tokens do, but in the published code never so far that
    // fewer than 60 are left.
    const int last_first = alignment == Alignment::kTime
                               ? total_local
                               : std::max(total_local - kWindowLocalFrames, first_local);
    first_local = std::min(first_local + stride / kTokensPerLocalFrame, last_first);
    prompt = window.frames - stride;
    offset += stride;
    if (prompt <= 0) break;
  }
  return windows;
}

int WindowOfFrame(const std::vector<WindowSpec>& windows, int64_t frame) {
  const auto found = std::find_if(windows.begin(), windows.end(), [&](const WindowSpec& window) {
    return frame < window.end_frame();
  });
  return static_cast<int>(found - windows.begin());
}

}  // namespace vidmuse
