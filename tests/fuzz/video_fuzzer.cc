// Fuzzes video decoding, in this process, under small limits that must hold for every input.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/video/frame_sampler.h"
#include "tests/fuzz/require.h"
#include "vidmuse/limits.h"

namespace {

vidmuse::Limits SmallLimits() {
  vidmuse::Limits limits;
  limits.max_video_bytes = 64 << 10;
  limits.max_video_seconds = 4;
  limits.max_frame_width = 96;
  limits.max_frame_height = 80;
  limits.max_frame_pixels = 64 * 64;
  limits.max_frames_per_second = 30;
  return limits;
}

// Requires the right number of indices, that each refers to a frame, and that every frame is
// referred to.
void CheckFrames(const vidmuse::VideoFrames& video, const vidmuse::Limits& limits) {
  FUZZ_REQUIRE(video.seconds >= 1 && video.seconds <= limits.max_video_seconds);
  FUZZ_REQUIRE(video.local.size() == size_t{vidmuse::kLocalFrameRate} * video.seconds);
  FUZZ_REQUIRE(video.global.size() == vidmuse::kGlobalFrames);
  std::vector<bool> named(video.frames.size());
  for (const auto* indices : {&video.local, &video.global}) {
    for (const int i : *indices) {
      FUZZ_REQUIRE(i >= 0 && static_cast<size_t>(i) < named.size());
      named[i] = true;
    }
  }
  FUZZ_REQUIRE(std::find(named.begin(), named.end(), false) == named.end());
  for (const auto& frame : video.frames) {
    FUZZ_REQUIRE(frame.size() == size_t{3} * vidmuse::kFrameSize * vidmuse::kFrameSize);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const vidmuse::Limits limits = SmallLimits();
  const vidmuse::CancelFlag cancel;
  const std::string file(reinterpret_cast<const char*>(data), size);
  for (const auto alignment : {vidmuse::Alignment::kReference, vidmuse::Alignment::kTime}) {
    vidmuse::FramePart all;
    all.alignment = alignment;
    const auto video = vidmuse::OpenVideo(file, limits, 0)->Read(all, cancel);
    if (video.ok()) {
      FUZZ_REQUIRE(size <= limits.max_video_bytes);
      CheckFrames(*video, limits);
    } else {
      FUZZ_REQUIRE(video.status().code() == absl::StatusCode::kInvalidArgument);
    }
  }
  return 0;
}
