// Files that real devices, cutters and muxers make and that are no plain video: what comes out of
// each kind.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "core/video/frame_sampler.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/video/test_videos.h"
#include "vidmuse/limits.h"

namespace vidmuse {
namespace {

using ::testing::HasSubstr;

// Every half second of the 4 s of NumberedInput(), and of its two halves one after the other.
const std::vector<int> kWhole = {0, 5, 10, 15, 20, 25, 30, 35};

struct OddFile {
  const char* kind;
  std::string (*make)(const std::string& name);
  const char* extension;
  int seconds;             // 0: refused
  std::vector<int> local;  // numbers of the local frames; empty: not checked
  const char* refusal = "";
  std::vector<int> local_by_time = {};  // empty: the same
};

// NumberedInput() as a file without B-frames, with them, and with sound, made once.
std::string Copied(const char* source, const std::string& options, const std::string& name) {
  static const bool made = [] {
    Ffmpeg(NumberedInput() + " -c:v libx264 -bf 0 -g 20", "plain.mp4");
    Ffmpeg(NumberedInput() + " -c:v libx264 -bf 4 -b_strategy 0 -g 20", "reordered.mp4");
    Ffmpeg(NumberedInput() + " -f lavfi -i sine=d=4 -c:v libx264 -c:a aac -g 20", "sound.mp4");
    Ffmpeg("-f lavfi -i color=red:size=32x32 -frames:v 1", "picture.png");
    Ffmpeg("-f lavfi -i color=red:size=32x32 -frames:v 1", "picture.jpg");
    return true;
  }();
  static_cast<void>(made);
  return Ffmpeg(absl::StrCat("-i {dir}/", source, ".mp4 ", options), name);
}

std::string Encode(const std::string& options, const std::string& name) {
  return Ffmpeg(NumberedInput() + " " + options, name);
}

// Both halves of NumberedInput() as files of their own, the second one's times moved by `offset`
// seconds, joined by their bytes.
std::string Joined(const std::string& codec, int offset, const std::string& name) {
  const std::string first =
      Ffmpeg(NumberedInput(20) + " -c:v " + codec, absl::StrCat("first_", name));
  const std::string second =
      Ffmpeg(absl::StrCat(NumberedInput(40), " -vf \"trim=start_frame=20,setpts=PTS-STARTPTS\"",
                          " -c:v ", codec, " -output_ts_offset ", offset),
             absl::StrCat("second_", name));
  return first + second;
}

std::string WithNumber(std::string file, const char* box, size_t offset, uint64_t value,
                       size_t bytes) {
  const size_t found = file.find(box);
  if (found == std::string::npos) {
    ADD_FAILURE() << "no " << box;
    return file;
  }
  for (size_t i = 0; i < bytes; ++i) {
    file[found + offset + i] = static_cast<char>(value >> (8 * (bytes - 1 - i)));
  }
  return file;
}

// The header's length is `seconds`.
std::string LyingMp4(uint64_t seconds, const std::string& name) {
  const std::string file = Copied("reordered", "-c copy", name);
  return WithNumber(file, "mvhd", 20, seconds * 1000, 4);
}

std::string LyingMatroska(const std::string& codec, const std::string& name) {
  // The element Duration: 36,000,000 ms as a double.
  return WithNumber(Encode("-c:v " + codec, name), "\x44\x89\x88", 3, 0x41812a8800000000, 8);
}

// `source` with `seconds` added to the times (`what`: "v:setts=pts", "a:setts=ts", ...) of the
// packets N for which the expression `packets` is 1.
std::string Shifted(const char* source, const std::string& packets, int seconds,
                    const std::string& name, const std::string& what = "v:setts=pts") {
  const std::string old = what.ends_with("=ts") ? "TS" : "PTS";
  const std::string filter =
      absl::StrCat(what.substr(2), "=", old, "+(", absl::StrReplaceAll(packets, {{",", "\\,"}}),
                   ")*", seconds, "/TB");
  return Copied(source, absl::StrCat("-c copy -bsf:", what.substr(0, 1), " \"", filter, "\""),
                name);
}

std::string WithCover(const char* picture, const std::string& name) {
  Copied("sound", "-c copy", "warm.mp4");
  return Ffmpeg(absl::StrCat("-i {dir}/sound.mp4 -i {dir}/picture.", picture,
                             " -map 0:a -map 1:v -c copy -disposition:v attached_pic"),
                name);
}

std::string Streams(int subtitles, const std::string& name) {
  Copied("plain", "-c copy", "warm.mp4");
  Ffmpeg("-f lavfi -i sine=d=1 -c:a flac", "one.flac");
  std::string maps;
  for (int i = 0; i < subtitles; ++i) maps += " -map 1:a";
  return Ffmpeg("-i {dir}/plain.mp4 -i {dir}/one.flac -map 0:v" + maps + " -c copy", name);
}

std::string ZeroDelays(std::string gif) {
  const char control[] = "\x21\xf9\x04";
  for (size_t i = gif.find(control); i != std::string::npos; i = gif.find(control, i + 8)) {
    gif[i + 4] = gif[i + 5] = 0;
  }
  return gif;
}

constexpr char kRgb[] = "-vf format=rgb24";

const OddFile kOddFiles[] = {
    // Times that don't begin at 0.
    {"StartsLateMkv",
     [](auto& n) { return Copied("reordered", "-c copy -output_ts_offset 100", n); }, "mkv", 4,
     kWhole},
    {"StartsALittleLateMkv",
     [](auto& n) { return Copied("sound", "-c copy -output_ts_offset 3", n); }, "mkv", 4, kWhole},
    {"StartsLateWebm", [](auto& n) { return Encode("-c:v libvpx -output_ts_offset 100", n); },
     "webm", 4, kWhole},
    {"StartsLateMp4",
     [](auto& n) { return Copied("reordered", "-c copy -output_ts_offset 100", n); }, "mp4", 4,
     kWhole},
    {"StartsLateTs",
     [](auto& n) { return Copied("reordered", "-c copy -output_ts_offset 3600", n); }, "ts", 4,
     kWhole},
    {"ClockWrapsTs", [](auto& n) { return Copied("sound", "-c copy -output_ts_offset 95440", n); },
     "ts", 4, kWhole},
    {"StartsLateFlv",
     [](auto& n) { return Copied("reordered", "-c copy -output_ts_offset 100", n); }, "flv", 4,
     kWhole},
    // Joined by their bytes.
    {"RestartsTs", [](auto& n) { return Joined("libx264 -g 20", 0, n); }, "ts", 4, kWhole},
    {"RestartsMkv", [](auto& n) { return Joined("libx264 -g 20", 0, n); }, "mkv", 4, kWhole},
    {"RestartsWebm", [](auto& n) { return Joined("libvpx", 0, n); }, "webm", 4, kWhole},
    {"JumpsByAMinuteTs", [](auto& n) { return Joined("libx264 -g 20", 60, n); }, "ts", 4, kWhole},
    {"JumpsByHoursTs", [](auto& n) { return Joined("libx264 -g 20", 40000, n); }, "ts", 4, kWhole},
    {"JumpsInMkv", [](auto& n) { return Shifted("plain", "gte(N,20)", 40000, n, "v:setts=ts"); },
     "mkv", 4, kWhole},
    // Single times that lie.
    {"OneFrameAheadMp4", [](auto& n) { return Shifted("plain", "eq(N,19)", 10800, n); }, "mp4", 4,
     kWhole},
    {"OneReorderedFrameAheadMp4",
     [](auto& n) { return Shifted("reordered", "eq(N,12)", 10800, n); }, "mp4", 4, kWhole},
    {"SeveralFramesAheadMkv",
     [](auto& n) { return Shifted("plain", "eq(N,5)+eq(N,15)+eq(N,25)", 7200, n); }, "mkv", 4,
     kWhole},
    {"OneFrameAMinuteAheadMp4", [](auto& n) { return Shifted("plain", "eq(N,10)", 60, n); }, "mp4",
     4, kWhole},
    {"OneFrameAheadTs", [](auto& n) { return Shifted("reordered", "eq(N,15)", 10800, n); }, "ts", 4,
     kWhole},
    // The frame whose time lies is frame 15.
    {"OneFrameBehindTs",
     [](auto& n) { return Shifted("reordered", "eq(N,15)", -10800, n); },
     "ts",
     4,
     kWhole,
     "",
     {0, 5, 10, 14, 20, 25, 30, 35}},
    {"LastFrameAheadMp4", [](auto& n) { return Shifted("plain", "eq(N,39)", 10800, n); }, "mp4", 4,
     kWhole},
    {"FirstFrameAheadMp4", [](auto& n) { return Shifted("plain", "eq(N,0)", 10800, n); }, "mp4", 4,
     kWhole},
    {"FirstReorderedFrameAheadMp4",
     [](auto& n) { return Shifted("reordered", "eq(N,0)", 10800, n); }, "mp4", 4, kWhole},
    {"SqueezedAfterAJumpMkv",
     [](auto& n) { return Shifted("plain", "eq(N,20)", 10800, n, "v:setts=ts"); }, "mkv", 4,
     kWhole},
    {"OneSoundPacketAheadMkv",
     [](auto& n) { return Shifted("sound", "eq(N,50)", 10800, n, "a:setts=pts"); }, "mkv", 4,
     kWhole},
    {"SoundJumpsMp4", [](auto& n) { return Shifted("sound", "gte(N,80)", 10800, n, "a:setts=ts"); },
     "mp4", 4, kWhole},
    // Headers that lie.
    {"HeaderSaysHoursMp4", [](auto& n) { return LyingMp4(36000, n); }, "mp4", 4, kWhole},
    {"HeaderSaysOneSecondMp4", [](auto& n) { return LyingMp4(1, n); }, "mp4", 4, kWhole},
    {"HeaderSaysHoursMkv", [](auto& n) { return LyingMatroska("libx264", n); }, "mkv", 4, kWhole},
    {"HeaderSaysHoursWebm", [](auto& n) { return LyingMatroska("libvpx", n); }, "webm", 4, kWhole},
    // Stills are no jumps.
    {"StillOfTwentySecondsMp4",
     [](auto& n) {
       return Encode("-vf \"setpts='(N+200*gte(N,20))/10/TB'\" -vsync vfr -c:v libx264", n);
     },
     "mp4",
     24,
     {}},
    {"StillOfTwentySecondsMkv",
     [](auto& n) {
       return Encode("-vf \"setpts='(N+200*gte(N,20))/10/TB'\" -vsync vfr -c:v libx264", n);
     },
     "mkv",
     24,
     {}},
    {"StillOverTheLimitMp4",
     [](auto& n) {
       return Encode("-vf \"setpts='(N+9000*gte(N,20))/10/TB'\" -vsync vfr -c:v libx264", n);
     },
     "mp4",
     0,
     {},
     "its times jump over 900"},
    // Cover pictures.
    {"CoverBesideVideoMkv",
     [](auto& n) {
       return Copied("sound", "-c copy -attach {dir}/picture.png -metadata:s:t mimetype=image/png",
                     n);
     },
     "mkv", 4, kWhole},
    {"CoverFirstMp4",
     [](auto& n) {
       return Copied("plain",
                     "-i {dir}/picture.jpg -map 1:v -map 0:v -c copy"
                     " -disposition:v:0 attached_pic",
                     n);
     },
     "mp4", 4, kWhole},
    {"PictureTrackFirstMp4",
     [](auto& n) {
       return Copied("plain",
                     "-i {dir}/picture.jpg -map 1:v -map 0:v -c copy"
                     " -disposition:v:0 default -disposition:v:1 0",
                     n);
     },
     "mp4", 4, kWhole},
    {"SoundAndJpegM4a",
     [](auto& n) { return WithCover("jpg", n); },
     "m4a",
     0,
     {},
     "only picture is a cover"},
    {"SoundAndPngMp4",
     [](auto& n) { return WithCover("png", n); },
     "mp4",
     0,
     {},
     "only picture is a cover"},
    {"SoundAndAttachmentMkv",
     [](auto& n) {
       return Copied("sound",
                     "-map 0:a -c copy -attach {dir}/picture.png -metadata:s:t mimetype=image/png",
                     n);
     },
     "mkv",
     0,
     {},
     "only picture is a cover"},
    {"SoundAndCoverMp3",
     [](auto& n) {
       return Ffmpeg("-f lavfi -i sine=d=3 -i {dir}/picture.png -map 0 -map 1 -c:v copy", n);
     },
     "mp3",
     0,
     {},
     "it is sound (mp3)"},
    // More streams than one expects.
    {"FortyStreamsMkv", [](auto& n) { return Streams(40, n); }, "mkv", 4, kWhole},
    {"TooManyStreamsMkv",
     [](auto& n) { return Streams(256, n); },
     "mkv",
     0,
     {},
     "more than 256 streams, which is the limit"},
    // Pictures that move, and that don't.
    {"MovingGif", [](auto& n) { return Encode("", n); }, "gif", 4, {}},
    {"LastDelayGif",
     [](auto& n) { return Ffmpeg(NumberedInput(10) + " -final_delay 300", n); },
     "gif",
     3,
     {}},
    {"NoDelayGif", [](auto& n) { return ZeroDelays(Encode("", n)); }, "gif", 4, {}},
    {"StillGif",
     [](auto& n) { return Ffmpeg(NumberedInput(1), n); },
     "gif",
     0,
     {},
     "still picture (GIF)"},
    {"MovingPng", [](auto& n) { return Encode(absl::StrCat(kRgb, " -plays 0 -f apng"), n); }, "png",
     4, kWhole},
    {"ThreePlaysPng", [](auto& n) { return Encode(absl::StrCat(kRgb, " -plays 3 -f apng"), n); },
     "apng", 4, kWhole},
    {"LastDelayPng",
     [](auto& n) { return Ffmpeg(NumberedInput(10) + " -final_delay 3 -f apng", n); },
     "png",
     3,
     {}},
    {"StillPng",
     [](auto& n) { return Ffmpeg(NumberedInput(1), n); },
     "png",
     0,
     {},
     "still picture (PNG)"},
    {"StillJpeg",
     [](auto& n) { return Ffmpeg(NumberedInput(1), n); },
     "jpg",
     0,
     {},
     "still picture (JPEG)"},
    {"StillWebp",
     [](auto& n) { return Ffmpeg(NumberedInput(1), n); },
     "webp",
     0,
     {},
     "still picture (WebP)"},
    // Professional files.
    {"Mpeg2Mxf", [](auto& n) { return Encode("-r 25 -c:v mpeg2video -q:v 2", n); }, "mxf", 4, {}},
    {"H264WithSoundMxf",
     [](auto& n) {
       return Encode("-f lavfi -i sine=d=4:r=48000 -r 25 -c:v libx264 -c:a pcm_s16le", n);
     },
     "mxf",
     4,
     {}},
    // Elementary streams.
    {"RawH264",
     [](auto& n) { return Encode("-c:v libx264 -f h264", n); },
     "h264",
     0,
     {},
     "elementary stream (h264), which has no times"},
    {"RawHevc",
     [](auto& n) { return Encode("-c:v libx265 -x265-params log-level=none -f hevc", n); },
     "hevc",
     0,
     {},
     "elementary stream (hevc)"},
    {"RawMpeg4",
     [](auto& n) { return Encode("-c:v mpeg4 -f m4v", n); },
     "m4v",
     0,
     {},
     "elementary stream (m4v)"},
    {"RawMpeg2",
     [](auto& n) { return Encode("-r 25 -c:v mpeg2video -f mpeg2video", n); },
     "m2v",
     0,
     {},
     "elementary stream (mpegvideo)"},
    {"RawMjpeg",
     [](auto& n) { return Encode("-c:v mjpeg -pix_fmt yuvj420p -f mjpeg", n); },
     "mjpeg",
     0,
     {},
     "elementary stream (mjpeg)"},
};

class EveryOddFile : public ::testing::TestWithParam<OddFile> {};

TEST_P(EveryOddFile, GivesWhatIsThere) {
  const OddFile& odd = GetParam();
  const std::string file = odd.make(absl::StrCat(odd.kind, ".", odd.extension));
  const CancelFlag never;
  const auto video = SampleVideo(file, Limits(), 0, never);
  if (odd.seconds == 0) {
    EXPECT_EQ(video.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(video.status().message()), HasSubstr(odd.refusal));
    return;
  }
  ASSERT_TRUE(video.ok()) << video.status();
  EXPECT_EQ(video->seconds, odd.seconds);
  // At ten frames a second, both alignments pick the same.
  FramePart by_time;
  by_time.alignment = Alignment::kTime;
  const auto timed = OpenVideo(file, Limits(), 0)->Read(by_time, never);
  ASSERT_TRUE(timed.ok()) << timed.status();
  EXPECT_EQ(timed->seconds, odd.seconds);
  if (odd.local.empty()) return;
  EXPECT_EQ(FrameNumbers(*video, video->local), odd.local);
  EXPECT_EQ(FrameNumbers(*timed, timed->local),
            odd.local_by_time.empty() ? odd.local : odd.local_by_time);
}

INSTANTIATE_TEST_SUITE_P(Files, EveryOddFile, ::testing::ValuesIn(kOddFiles),
                         [](const auto& info) { return std::string(info.param.kind); });

}  // namespace
}  // namespace vidmuse
