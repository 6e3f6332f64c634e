// Frames chosen by their times, against those that FFmpeg's fps filter picks.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/video/frame_sampler.h"
#include "core/video/sandbox.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/video/test_videos.h"

namespace vidmuse {
namespace {

using ::testing::ElementsAre;

constexpr char kDecoder[] = VIDMUSE_BIN_DIR "/vidmuse_video_decoder";

FramePart ByTime(int first = 0, int count = FramePart().count) {
  return {first, count, Alignment::kTime};
}

VideoFrames Read(VideoReader& reader, const FramePart& part) {
  const CancelFlag never;
  auto frames = reader.Read(part, never);
  EXPECT_TRUE(frames.ok()) << frames.status();
  return frames.ok() ? *std::move(frames) : VideoFrames();
}

VideoFrames ReadByTime(const std::string& file, int max_seconds = 0) {
  return Read(*OpenVideo(file, Limits(), max_seconds), ByTime());
}

// The pictures of some frames in turn.
std::vector<std::vector<uint8_t>> Pictures(const VideoFrames& video,
                                           const std::vector<int>& frames) {
  std::vector<std::vector<uint8_t>> pictures;
  for (const int frame : frames) pictures.push_back(video.frames.at(frame));
  return pictures;
}

void ExpectSame(const VideoFrames& got, const VideoFrames& want) {
  EXPECT_EQ(got.seconds, want.seconds);
  ASSERT_EQ(got.local.size(), want.local.size());
  for (size_t i = 0; i < got.local.size(); ++i) {
    EXPECT_TRUE(got.frames[got.local[i]] == want.frames[want.local[i]]) << "local frame " << i;
  }
  EXPECT_TRUE(Pictures(got, got.global) == Pictures(want, want.global));
}

struct Timing {
  const char* name;  // of the file, with the container's ending
  std::string options;
  int seconds;
};

constexpr char kX264[] = "-c:v libx264 -preset ultrafast -g 20 -bf 3 -b_strategy 0 ";

// Moving pictures, `rate` a second.
std::string Moving(const char* rate, int seconds = 6) {
  return absl::StrCat("-f lavfi -i testsrc2=size=96x64:rate=", rate, ":duration=", seconds,
                      " -pix_fmt yuv420p ");
}

// The same at times in milliseconds that `expression` makes of the number N.
std::string Timed(const char* expression, const char* rate = "25") {
  return absl::StrCat(Moving(rate), "-vf \"settb=1/1000,setpts='", expression,
                      "'\" -vsync passthrough ");
}

const Timing kTimings[] = {
    {"rate_1.mkv", Moving("1") + "-c:v ffv1", 6},
    {"rate_2.mp4", Moving("2") + kX264, 6},
    {"rate_3.mp4", Moving("3") + kX264, 6},
    {"rate_7.mkv", Moving("7") + "-c:v ffv1", 6},
    {"rate_7.mp4", Moving("7") + kX264, 6},
    {"rate_15.mkv", Moving("15") + "-c:v ffv1", 6},
    {"film.mp4", Moving("24000/1001") + kX264, 6},
    {"film.mkv", Moving("24000/1001") + kX264, 6},
    {"rate_25.mkv", Moving("25") + "-c:v ffv1", 6},
    {"rate_25.mp4", Moving("25") + kX264, 6},
    {"rate_25.ts", Moving("25") + kX264, 6},
    {"rate_25.avi", Moving("25") + "-c:v mpeg4 -g 20 -q:v 3", 6},
    {"rate_25.webm", Moving("25") + "-c:v libvpx-vp9 -g 20 -cpu-used 8 -deadline realtime", 6},
    {"rate_25.mxf", Moving("25") + "-c:v mpeg2video -q:v 3", 6},
    {"rate_10.gif", Moving("10"), 6},
    {"rate_30.mp4", Moving("30") + kX264, 6},
    {"rate_60.mp4", Moving("60000/1001") + kX264, 6},
    {"long.mp4", Moving("25", 45) + kX264, 45},
    // Times that don't begin at 0.
    {"late.mkv", Moving("25") + kX264 + "-output_ts_offset 100", 6},
    {"late.ts", Moving("30000/1001") + kX264 + "-output_ts_offset 100", 6},
    // Slower and slower, jitter, frames of one time, a clock that stands still.
    {"slower.mkv", Timed("40*N+N*N/8") + "-c:v ffv1", 8},
    {"slower.mp4", Timed("40*N+N*N/8") + kX264, 8},
    {"jitter.mkv", Timed("40*N+30*random(1)") + kX264, 6},
    {"jitter.webm", Timed("40*N+30*random(1)") + "-c:v libvpx -g 20 -cpu-used 8 -deadline realtime",
     6},
    {"twice.mkv", Timed("20*floor(2*N-0.5*mod(N,3))") + "-c:v ffv1", 6},
    {"still.mkv", Timed("40*N+3130*gt(N,70)") + "-c:v ffv1", 9},
    {"still.mp4", Timed("40*N+3130*gt(N,70)") + kX264, 9},
};

class Timings : public ::testing::TestWithParam<Timing> {
 protected:
  // In parts, each of which is decoded by two processes.
  void ExpectParts(const std::string& file, const VideoFrames& want) {
    const auto sandbox = VideoSandbox::Create(kDecoder, VideoSandbox::Filter::kRequired,
                                              {.cores = 2, .least_pixels_to_split = 1});
    ASSERT_TRUE(sandbox.ok()) << sandbox.status();
    const auto reader = (*sandbox)->Open(file, Limits(), 0);
    for (const int first : {0, 7}) {
      const VideoFrames part = Read(*reader, ByTime(first, first == 0 ? 5 : 1000));
      ASSERT_EQ(part.local.size(), first == 0 ? 5 : want.local.size() - 7);
      for (size_t i = 0; i < part.local.size(); ++i) {
        EXPECT_TRUE(part.frames[part.local[i]] == want.frames[want.local[first + i]]) << first + i;
      }
      if (first > 0) continue;
      EXPECT_TRUE(Pictures(part, part.global) == Pictures(want, want.global));
    }
  }
};

TEST_P(Timings, PickWhatIsOnScreen) {
  const Timing& timing = GetParam();
  const std::string file = Ffmpeg(timing.options, timing.name);
  // What is on screen every half second, as a lossless file of two frames a second.
  const std::string picked = Ffmpeg(
      absl::StrCat("-i {dir}/", timing.name, " -vf setpts=PTS-STARTPTS,fps=2:round=up -frames:v ",
                   2 * timing.seconds, " -c:v ffv1"),
      absl::StrCat("picked_", timing.name, ".mkv"));
  const CancelFlag never;
  const auto want = SampleVideo(picked, Limits(), 0, never);
  ASSERT_TRUE(want.ok()) << want.status();
  ASSERT_EQ(want->seconds, timing.seconds);
  ExpectSame(ReadByTime(file), *want);
  ExpectParts(file, *want);
}

INSTANTIATE_TEST_SUITE_P(Files, Timings, ::testing::ValuesIn(kTimings), [](const auto& info) {
  std::string name = info.param.name;
  for (char& c : name) c = c == '.' ? '_' : c;
  return name;
});

// 10 s in seven frames, of which the last ones come at 9.5 s: a picture each of the seconds 0, 4
// and 9.
TEST(Alignment, AScreenRecordingShowsItsStills) {
  const std::string file = Ffmpeg(
      "-f lavfi -i \"nullsrc=s=160x90:r=30:d=10,geq=lum='16+5*floor(T)':cb=128:cr=128,"
      "format=yuv420p\" -vf \"select='lt(t,1)+between(t,4,4.04)+gte(t,9.5)'\" -vsync vfr "
      "-c:v ffv1",
      "screen_recording.mkv");
  const VideoFrames video = ReadByTime(file);
  EXPECT_EQ(video.seconds, 10);
  EXPECT_THAT(FrameNumbers(video, video.local),
              ElementsAre(0, 0, 0, 0, 0, 0, 0, 0, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 9));
  std::vector<int> global;
  for (const int i : SpreadNumbers(20)) global.push_back(i < 8 ? 0 : i < 19 ? 4 : 9);
  EXPECT_EQ(FrameNumbers(video, video.global), global);
}

// The last frame's own delay belongs to the video.
TEST(Alignment, TheLastFrameStaysToTheEnd) {
  for (const char* ending : {"gif", "png"}) {
    const bool gif = std::string(ending) == "gif";
    const std::string file = Ffmpeg(
        absl::StrCat(NumberedInput(10), gif ? " -final_delay 300" : " -final_delay 3 -f apng"),
        absl::StrCat("last_delay.", ending));
    const VideoFrames video = ReadByTime(file);
    EXPECT_EQ(video.seconds, 3) << ending;
    EXPECT_THAT(FrameNumbers(video, video.local), ElementsAre(0, 5, 9, 9, 9, 9)) << ending;
  }
}

// A limit leaves the beginning, and the global frames are spread over it alone.
TEST(Alignment, GlobalFramesAreLocalOnesOfTheSong) {
  const VideoFrames video =
      ReadByTime(Ffmpeg(NumberedInput() + " -c:v ffv1", "limited.mkv"), /*max_seconds=*/2);
  EXPECT_EQ(video.seconds, 2);
  EXPECT_THAT(FrameNumbers(video, video.local), ElementsAre(0, 5, 10, 15));
  std::vector<int> global;
  for (const int i : SpreadNumbers(4)) global.push_back(5 * i);
  EXPECT_EQ(FrameNumbers(video, video.global), global);
}

// Packets of single fields: only the decoder tells how many frames there are, and when.
TEST(Alignment, OfFramesThatAreNotPackets) {
  const std::string moving =
      "-f lavfi -i testsrc2=size=96x64:rate=50:duration=6 -pix_fmt yuv420p -vf "
      "tinterlace=interleave_top -flags +ilme+ildct -c:v libx264 -g 20 ";
  const VideoFrames frames = ReadByTime(Ffmpeg(moving, "fields.mp4"));
  EXPECT_EQ(frames.seconds, 6);
  const std::string picked =
      Ffmpeg("-i {dir}/fields.mp4 -vf setpts=PTS-STARTPTS,fps=2:round=up -frames:v 12 -c:v ffv1",
             "picked_fields.mkv");
  const CancelFlag never;
  const auto want = SampleVideo(picked, Limits(), 0, never);
  ASSERT_TRUE(want.ok()) << want.status();
  ExpectSame(frames, *want);
}

}  // namespace
}  // namespace vidmuse
