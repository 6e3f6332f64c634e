#include "core/video/video_length.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "core/video/sampling_rules.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

constexpr double kMicroseconds = 1e6;
// Rounding and the order of frames explain a start closer to 0 than this.
constexpr int64_t kLateStartUs = 500'000;

// Some containers state the time of the end, on a clock on which the first frame isn't at 0.
// Returns the length from the first frame on.
int64_t FromFirstFrame(int64_t stated, const PacketIndex& index) {
  if (std::abs(index.start_us) < kLateStartUs) return stated;
  const bool is_end =
      std::abs(stated - (index.start_us + index.span_us)) < std::abs(stated - index.span_us);
  return is_end ? stated - index.start_us : stated;
}

}  // namespace

VideoLength LengthOf(const VideoHeader& header, const PacketIndex& index) {
  int64_t there = index.span_us;
  // If no time can be believed, the number of frames tells the length.
  if (there <= 0 && header.frame_rate > 0) {
    constexpr double kMost = 1e15;  // 30 years, over any limit
    const double us = static_cast<double>(index.frames) * kMicroseconds / header.frame_rate;
    there = static_cast<int64_t>(std::min(us, kMost));
  }
  if (header.duration_us <= 0) return {.us = there, .header_is_right = false};
  if (there <= 0) return {.us = header.duration_us, .header_is_right = true};
  const int64_t stated = FromFirstFrame(header.duration_us, index);
  const bool right = index.steady ? stated / 2 <= there && there / 2 <= stated
                                  : std::abs(stated - there) < kLateStartUs;
  return {.us = right ? stated : there, .header_is_right = right};
}

absl::Status CheckFileSize(absl::string_view file, const Limits& limits) {
  if (file.empty()) return absl::InvalidArgumentError("the video is empty: 0 bytes");
  if (file.size() <= limits.max_video_bytes) return absl::OkStatus();
  return AboutLimit(absl::InvalidArgumentError(
                        absl::StrCat("the video has ", file.size(), " bytes; the limit is ",
                                     limits.max_video_bytes, " (max_video_bytes)")),
                    "max_video_bytes", static_cast<double>(file.size()));
}

absl::Status CheckLength(int64_t length_us, const PacketIndex& index, const Limits& limits) {
  const double seconds = static_cast<double>(length_us) / kMicroseconds;
  if (seconds > limits.max_video_seconds) {
    std::string jump;
    if (index.longest_gap_us > length_us / 2) {
      jump = absl::StrCat(", of which its times jump over ",
                          static_cast<double>(index.longest_gap_us) / kMicroseconds,
                          " s without a frame");
    }
    return AboutLimit(absl::InvalidArgumentError(absl::StrCat(
                          "the video is ", seconds, " s long; the limit is ",
                          limits.max_video_seconds, " s", jump, " (max_video_seconds)")),
                      "max_video_seconds", seconds);
  }
  if (WholeSeconds(length_us) < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("the video is ", seconds, " s long; at least 1 s is needed"));
  }
  return absl::OkStatus();
}

absl::StatusOr<double> FrameRate(const VideoHeader& header, const PacketIndex& index,
                                 const VideoLength& length, const Limits& limits) {
  const double rate = static_cast<double>(index.frames) * kMicroseconds /
                      static_cast<double>(std::max(index.video_span_us, length.us));
  if (rate > limits.max_frames_per_second) {
    return AboutLimit(absl::InvalidArgumentError(
                          absl::StrCat("the video has ", rate, " frames a second; the limit is ",
                                       limits.max_frames_per_second, " (max_frames_per_second)")),
                      "max_frames_per_second", rate);
  }
  const double measured =
      MeasuredFrameRate(index.frames, index.video_span_us > 0 ? index.video_span_us : length.us);
  // Without the right duration, the header's frame rate is a guess from the first frames.
  const bool plausible = length.header_is_right
                             ? header.frame_rate <= limits.max_frames_per_second
                             : std::abs(header.frame_rate - measured) <= 0.1 * measured;
  return header.frame_rate <= 0 || !plausible ? measured : header.frame_rate;
}

}  // namespace vidmuse
