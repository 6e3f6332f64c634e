// What the server and the decoder program, built from the same sources, say to each other.
//
// The server hands over one sealed memory file: a DecodeRequest, then the video. The program
// answers through a pipe: how it is confined, before it looks at the video, then the result.
//
//   AnswerHeader kConfined, kUnfiltered or kNotStarted, message
//   AnswerHeader kTimeLimit, once the video's length is known
//   AnswerHeader kRefused, message
//     or AnswerHeader kFrames, int32 local[2 * seconds], int32 global[32],
//        uint8 frames[frames][3][224][224]
#ifndef VIDMUSE_VIDEO_SANDBOX_PROTOCOL_H_
#define VIDMUSE_VIDEO_SANDBOX_PROTOCOL_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "absl/strings/string_view.h"
#include "core/model/video_frames.h"
#include "vidmuse/types.h"

namespace vidmuse {

// Descriptors of the decoder program. It has no other but standard error, which leads nowhere.
inline constexpr int kRequestFd = 0;
inline constexpr int kAnswerFd = 1;

// How the program ends when an allocation fails once it is confined.
inline constexpr int kExitOutOfMemory = 12;

struct DecodeRequest {
  uint64_t magic = 0;
  int32_t server_pid = 0;
  int32_t max_seconds = 0;
  uint32_t require_filter = 0;  // 1: without the system call filter, nothing is decoded
  Limits limits;
};
static_assert(std::is_trivially_copyable_v<DecodeRequest>);

inline constexpr uint64_t kRequestMagic = 0x7669646d75736500 + sizeof(DecodeRequest);

enum class AnswerKind : uint32_t {
  kConfined = 1,
  kUnfiltered = 2,  // confined but for the system call filter; the message says why
  kNotStarted = 3,  // the message says why
  kFrames = 4,
  kRefused = 5,    // INVALID_ARGUMENT with the message
  kTimeLimit = 6,  // at most once: the video is worth no more than `seconds`
};

// Limits that a refusal may name, by number from 1: it crosses the boundary as a number.
inline constexpr absl::string_view kAnswerLimits[] = {"max_video_bytes",  "max_video_seconds",
                                                      "max_frame_width",  "max_frame_height",
                                                      "max_frame_pixels", "max_frames_per_second"};

struct AnswerHeader {
  uint32_t magic = 0;
  AnswerKind kind = AnswerKind::kRefused;
  uint32_t message_size = 0;
  int32_t seconds = 0;  // kFrames and kTimeLimit
  uint32_t frames = 0;  // kFrames
  uint32_t limit = 0;   // kRefused: of kAnswerLimits, the one that is broken; 0: none
  double value = 0;     // and what broke it
};
static_assert(std::is_trivially_copyable_v<AnswerHeader>);

inline constexpr uint32_t kAnswerMagic = 0x766d6131;
inline constexpr uint32_t kMaxAnswerMessage = 1024;
inline constexpr size_t kFrameBytes = size_t{3} * kFrameSize * kFrameSize;

// The most distinct frames of a video of `seconds`.
inline constexpr int64_t MaxFrames(int64_t seconds) {
  return kLocalFrameRate * seconds + kGlobalFrames;
}

// Bytes of the frames that one video may have: the server holds no more than max_queued_bytes.
inline uint64_t MaxFrameBytes(const Limits& limits) {
  const auto seconds = static_cast<int64_t>(std::ceil(limits.max_video_seconds));
  return std::min(static_cast<uint64_t>(MaxFrames(seconds)) * kFrameBytes, limits.max_queued_bytes);
}

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_SANDBOX_PROTOCOL_H_
