// The protocol between the server and the decoder program, which are built from the same sources.
//
// The server passes one memory file, which the program can't change and which holds a
// DecodeRequest, an UploadProgress and the file to decode, and the process's role (DecoderRole) and
// the wanted part of the frames as arguments. The file to decode may still grow while a first
// process runs. The program answers through a pipe: first how it is confined, before it looks at
// the file, then the result.
//
//   AnswerHeader kConfined, kUnfiltered or kNotStarted, message
//   AnswerHeader kBegun, if a frame was decoded before the whole file was there
//   AnswerHeader kTimeLimit, once the video's length is known
//   AnswerHeader kRefused, message
//     or, as first or only process:
//        AnswerHeader kFrames, int32 local[the part's, and `surplus`], int32 global[32 or none],
//        uint8 frames[frames][3][224][224]
//     or, as first process:
//        AnswerHeader kSplit, int32 local[the part's, and `surplus`], int32 global[32 or none],
//        then `decoded_frames` times int32 position, uint8 frame[3][224][224]
//     or, for a sound:
//        AnswerHeader kSound, float samples[samples]
//     or, for a whole sound:
//        any number of AnswerHeader kSoundPart, float samples[channels][samples],
//        then AnswerHeader kSoundEnd
//     or, for pictures:
//        AnswerHeader kPictureInfo, PictureInfo,
//        any number of AnswerHeader kPicture, PictureSize, uint8 pixels[height][width][channels],
//        then AnswerHeader kPicturesEnd
//     or, as one of several processes:
//        any number of AnswerHeader kFrame, uint8 frame[3][224][224],
//        then AnswerHeader kNoMoreGroups or kUnsure
#ifndef VIDMUSE_VIDEO_SANDBOX_PROTOCOL_H_
#define VIDMUSE_VIDEO_SANDBOX_PROTOCOL_H_

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "absl/strings/string_view.h"
#include "core/model/architecture/video_frames.h"
#include "vidmuse/limits.h"

namespace vidmuse {

// The decoder program's only descriptors besides standard error, which goes to /dev/null.
inline constexpr int kRequestFd = 0;
inline constexpr int kAnswerFd = 1;

// The program's exit code when an allocation fails after it is confined.
inline constexpr int kExitOutOfMemory = 12;

// Memory that the server shares with all processes that decode one video's groups side by side:
// which group is decoded next, and which processes should end.
inline constexpr int kClaimsFd = 3;
inline constexpr int kMostDecoders = 64;  // of one video

// For kWholeSound and kPictures, the same descriptor is a file of any size that the program maps.
inline constexpr int kSourceFd = kClaimsFd;

struct GroupClaims {
  std::atomic<uint32_t> next_group = 0;
  std::atomic<uint32_t> retired[kMostDecoders] = {};  // nonzero: decodes no more groups
};
static_assert(std::atomic<uint32_t>::is_always_lock_free);

// What a process does, in the order in which the server asks for it. A video whose groups can't be
// decoded side by side, or aren't worth it, needs the first one only.
enum class DecoderRole : uint32_t {
  kFirst = 1,       // reads the video, and decodes it unless it answers kSplit
  kGroups = 2,      // decodes groups of frames, which it claims one by one
  kOnly = 3,        // decodes packet after packet, since groups gave no sure result
  kSound = 4,       // decodes a sound file instead of a video (sound_decoder.h)
  kWholeSound = 5,  // decodes the file at kSourceFd, which is not in the request
  kPictures = 6,    // so does this; the request has a packed PictureOrder in the file's place
};

struct DecodeRequest {
  uint64_t magic = 0;
  int32_t server_pid = 0;
  int32_t max_seconds = 0;
  uint32_t require_filter = 0;  // 1: nothing is decoded without the system call filter
  // Videos with fewer pixels in the pictures to decode aren't split.
  int64_t least_pixels_to_split = 0;
  uint64_t capacity = 0;  // the file to decode has no more bytes than this
  Limits limits;
};
static_assert(std::is_trivially_copyable_v<DecodeRequest>);

// How much of the file is there. The server changes it, and wakes who waits for `changes`.
struct UploadProgress {
  std::atomic<uint64_t> bytes = 0;
  std::atomic<uint32_t> complete = 0;  // nonzero: `bytes` are all
  std::atomic<uint32_t> changes = 0;   // a futex
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);
static_assert(sizeof(DecodeRequest) % alignof(UploadProgress) == 0);

// Where the file begins.
inline constexpr size_t kRequestHeaderBytes = sizeof(DecodeRequest) + sizeof(UploadProgress);

inline constexpr uint64_t kRequestMagic = 0x7669646d75736500 + sizeof(DecodeRequest);

enum class AnswerKind : uint32_t {
  kConfined = 1,
  kUnfiltered = 2,  // confined except for the system call filter; the message says why
  kNotStarted = 3,  // the message says why
  kFrames = 4,
  kRefused = 5,    // INVALID_ARGUMENT with the message
  kTimeLimit = 6,  // at most once: decoding may take `seconds` in all
  kSplit = 7,      // groups can be decoded apart; the local and global frames follow
  kFrame = 8,      // a frame's pixels follow
  kNoMoreGroups = 9,
  kUnsure = 10,     // groups that were decoded apart may not be as they should
  kSound = 11,      // samples follow
  kBegun = 12,      // a frame was decoded before the whole file was there
  kSoundPart = 13,  // samples of every channel follow
  kSoundEnd = 14,
  kPictureInfo = 15,
  kPicture = 16,  // its size and its pixels follow
  kPicturesEnd = 17,
};

// Limits that a refusal may name. The answer holds their number, counted from 1, instead of the
// name.
inline constexpr absl::string_view kAnswerLimits[] = {
    "max_video_bytes",    "max_video_seconds",   "max_frame_width",
    "max_frame_height",   "max_frame_pixels",    "max_frames_per_second",
    "max_prompt_seconds", "max_prompt_channels", "max_prompt_sample_rate"};

struct AnswerHeader {
  uint32_t magic = 0;
  AnswerKind kind = AnswerKind::kRefused;
  uint32_t message_size = 0;
  int32_t seconds = 0;  // kFrames, kSplit and kTimeLimit
  uint32_t frames = 0;  // kFrames and kSplit: how many; kFrame: which one
  uint32_t limit = 0;   // kRefused: number of the broken limit in kAnswerLimits; 0: none
  double value = 0;     // kRefused: the value that broke the limit
  // kFrames and kSplit: how many local frames come besides the part's. If there are any, all of
  // them come.
  uint32_t surplus = 0;
  uint32_t groups = 0;         // kSplit: how many
  uint32_t sample_rate = 0;    // kSound and kSoundPart
  uint32_t channels = 0;       // kSoundPart
  uint64_t samples = 0;        // kSound: how many; kSoundPart: how many of each channel
  uint64_t decoder_bytes = 0;  // kSplit: about the memory that each decoder takes
  // kSplit: how many of the groups, from the first on, are decoded already, and how many frames
  // they have.
  uint32_t decoded_groups = 0;
  uint32_t decoded_frames = 0;
};
static_assert(std::is_trivially_copyable_v<AnswerHeader>);

// What precedes a picture's pixels. Pictures come in the order in which they were asked for.
struct PictureSize {
  int32_t width = 0;
  int32_t height = 0;
};
static_assert(std::is_trivially_copyable_v<PictureSize>);

inline constexpr uint32_t kAnswerMagic = 0x766d6131;
inline constexpr uint32_t kMaxAnswerMessage = 1024;
inline constexpr size_t kFrameBytes = size_t{3} * kFrameSize * kFrameSize;

// The largest number of distinct frames that a video of `seconds` can give.
constexpr int64_t MaxFrames(int64_t seconds) { return kLocalFrameRate * seconds + kGlobalFrames; }

// Largest size of one video's frames in bytes. The server holds no more than max_queued_bytes.
inline uint64_t MaxFrameBytes(const Limits& limits) {
  const auto seconds = static_cast<int64_t>(std::ceil(limits.max_video_seconds));
  return std::min(static_cast<uint64_t>(MaxFrames(seconds)) * kFrameBytes, limits.max_queued_bytes);
}

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_SANDBOX_PROTOCOL_H_
