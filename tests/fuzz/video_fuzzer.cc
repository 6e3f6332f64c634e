// Fuzzes video decoding, in this process, under small limits that must hold for every input.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/video/frame_sampler.h"
#include "core/video/picture_decoder.h"
#include "core/video/picture_order.h"
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

// Requires each picture that was asked for, of its size, unless there is an error.
void CheckPictures(const std::string& file, const vidmuse::PictureOrder& order,
                   const vidmuse::Limits& limits) {
  const vidmuse::CancelFlag cancel;
  size_t taken = 0;
  const auto take_info = [&](const vidmuse::PictureInfo& info, absl::Duration) {
    FUZZ_REQUIRE(info.frames >= 1 && info.frame_rate > 0 && info.seconds > 0);
    return absl::OkStatus();
  };
  const auto take = [&](const vidmuse::Picture& picture) {
    FUZZ_REQUIRE(picture.place == taken++);
    FUZZ_REQUIRE(picture.width >= 1 && picture.width <= limits.max_frame_width);
    FUZZ_REQUIRE(picture.height >= 1 && picture.height <= limits.max_frame_height);
    FUZZ_REQUIRE(picture.pixels.size() ==
                 static_cast<size_t>(picture.width) * picture.height * picture.channels);
    return absl::OkStatus();
  };
  const absl::Status status = vidmuse::DecodePictures(file, order, limits, cancel, take_info, take);
  FUZZ_REQUIRE(!status.ok() || taken == order.at.size());
  FUZZ_REQUIRE(status.ok() || status.code() == absl::StatusCode::kInvalidArgument);
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
  CheckPictures(file, {.at = {0, 7, 1000}}, limits);
  CheckPictures(file,
                {.by = vidmuse::PicturesBy::kTime,
                 .at = {0, 999'999, 3'000'000},
                 .short_side = 9,
                 .grey = true},
                limits);
  return 0;
}
