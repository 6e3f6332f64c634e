#include "core/video/frame_sampler.h"

#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/video/test_videos.h"

namespace vidmuse {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

absl::StatusOr<VideoFrames> Sample(const std::string& file, int max_seconds = 0) {
  const CancelFlag cancel;
  return SampleVideo(file, Limits(), max_seconds, cancel);
}

// Checks the frames of a whole NumberedInput of 40 frames, 10 a second.
void ExpectNumbered(const std::string& file) {
  const auto video = Sample(file);
  ASSERT_TRUE(video.ok()) << video.status();
  EXPECT_EQ(video->seconds, 4);
  EXPECT_THAT(FrameNumbers(*video, video->local), ElementsAre(0, 5, 10, 15, 20, 25, 30, 35));
  EXPECT_EQ(FrameNumbers(*video, video->global), SpreadNumbers(40));
  for (const auto& frame : video->frames) EXPECT_THAT(frame, SizeIs(3 * kFrameSize * kFrameSize));
}

struct Encoding {
  const char* name;
  const char* options;
};

class EveryContainer : public ::testing::TestWithParam<Encoding> {};

TEST_P(EveryContainer, GivesTheRightFrames) {
  ExpectNumbered(Ffmpeg(NumberedInput() + " " + GetParam().options, GetParam().name));
}

INSTANTIATE_TEST_SUITE_P(
    Containers, EveryContainer,
    ::testing::Values(
        Encoding{"h264.mp4", "-c:v libx264 -g 12"},
        Encoding{"fragmented.mp4", "-c:v libx264 -g 12 -movflags frag_keyframe+empty_moov"},
        Encoding{"hevc.mp4", "-c:v libx265 -x265-params log-level=none"},
        Encoding{"h264.mov", "-c:v libx264 -bf 0"}, Encoding{"h264.mkv", "-c:v libx264"},
        Encoding{"vp8.webm", "-c:v libvpx -b:v 500k"},
        Encoding{"vp9.webm", "-c:v libvpx-vp9 -cpu-used 8 -deadline realtime -b:v 500k"},
        Encoding{"mpeg4.avi", "-c:v mpeg4 -q:v 2"},
        // AVI doesn't say when frames with a delay are shown.
        Encoding{"delayed.avi", "-c:v mpeg4 -q:v 2 -bf 2"},
        Encoding{"h264.ts", "-c:v libx264 -g 12"}, Encoding{"h264.flv", "-c:v libx264"},
        Encoding{"wmv2.wmv", "-c:v wmv2 -q:v 2"}, Encoding{"theora.ogv", "-c:v libtheora -q:v 8"},
        Encoding{"with_audio.mp4", "-f lavfi -i sine=duration=4 -c:v libx264 -c:a aac -shortest"},
        // Its audio packets come to light while the header is read.
        Encoding{"with_audio.mkv",
                 "-f lavfi -i sine=duration=4 -c:v ffv1 -g 40 -c:a flac -shortest"}),
    [](const auto& info) {
      std::string name = info.param.name;
      std::replace(name.begin(), name.end(), '.', '_');
      return name;
    });

class EveryPixelFormat : public ::testing::TestWithParam<Encoding> {};

TEST_P(EveryPixelFormat, GivesTheRightFrames) {
  ExpectNumbered(
      Ffmpeg(NumberedInput(40, 10, "33x27") + " -c:v ffv1 -pix_fmt " + GetParam().options,
             GetParam().name));
}

INSTANTIATE_TEST_SUITE_P(
    PixelFormats, EveryPixelFormat,
    ::testing::Values(Encoding{"yuv420p10.mkv", "yuv420p10le"}, Encoding{"yuv422p.mkv", "yuv422p"},
                      Encoding{"yuv444p12.mkv", "yuv444p12le"}, Encoding{"gray.mkv", "gray"},
                      Encoding{"gray16.mkv", "gray16le"}, Encoding{"bgr0.mkv", "bgr0"},
                      Encoding{"bgra.mkv", "bgra"}, Encoding{"yuv410p.mkv", "yuv410p"}),
    [](const auto& info) {
      const std::string name = info.param.name;
      return name.substr(0, name.find('.'));
    });

TEST(SampleVideo, ReadsFilesWithoutDurationAndFrameCount) {
  // ffmpeg can't go back in a pipe to fill them in.
  ExpectNumbered(Ffmpeg(NumberedInput() + " -c:v libvpx -b:v 500k -f webm - >", "live.webm"));
  ExpectNumbered(Ffmpeg(NumberedInput() + " -c:v libx264 -f matroska - >", "live.mkv"));
  ExpectNumbered(Ffmpeg(NumberedInput() + " -c:v mpeg4 -q:v 2 -f avi - >", "live.avi"));
}

TEST(SampleVideo, DurationWithoutHeaderIsTheLongestStreams) {
  const auto video = Sample(
      Ffmpeg(NumberedInput() + " -f lavfi -i sine=duration=6.5 -c:v libvpx -b:v 500k -f webm - >",
             "long_audio.webm"));
  ASSERT_TRUE(video.ok()) << video.status();
  EXPECT_EQ(video->seconds, 6);
  EXPECT_THAT(FrameNumbers(*video, video->local),
              ElementsAre(0, 5, 10, 15, 20, 25, 30, 35, 35, 35, 35, 35));
}

TEST(SampleVideo, RateWithoutHeaderIsMeasured) {
  // 20 frames at 10 a second, then 20 at 2.5 a second: 4 frames a second on average.
  const auto video = Sample(
      Ffmpeg(NumberedInput() + " -vf \"setpts='if(lt(N,20),N,20+4*(N-20))/10/TB'\" -vsync vfr"
                               " -c:v libvpx -b:v 500k -f webm - >",
             "live_vfr.webm"));
  ASSERT_TRUE(video.ok()) << video.status();
  EXPECT_GE(video->seconds, 9);
  const auto local = FrameNumbers(*video, video->local);
  EXPECT_EQ(local[1] - local[0], 3);  // ceil(40 / 9.7 / 2)
  EXPECT_EQ(local[13], 39);
}

TEST(SampleVideo, HiddenFramesDontCount) {
  // With two passes, libvpx puts in reference frames that are never shown.
  const std::string encode = NumberedInput() +
                             " -c:v libvpx -quality good -auto-alt-ref 1 -lag-in-frames 16"
                             " -g 100 -b:v 500k -passlogfile {dir}/pass";
  Ffmpeg(encode + " -pass 1 -f webm", "pass1.webm");
  ExpectNumbered(Ffmpeg(encode + " -pass 2", "altref.webm"));
}

TEST(SampleVideo, FollowsPresentationOrderAndTheAverageRate) {
  // 20 frames at 10 a second, then 20 at 2.5 a second: 10 s, 4 frames a second on average.
  const auto video = Sample(
      Ffmpeg(NumberedInput() + " -vf \"setpts='if(lt(N,20),N,20+4*(N-20))/10/TB'\" -vsync vfr"
                               " -video_track_timescale 1000 -c:v libx264",
             "vfr.mp4"));
  ASSERT_TRUE(video.ok()) << video.status();
  EXPECT_GE(video->seconds, 9);
  const auto local = FrameNumbers(*video, video->local);
  ASSERT_GE(local.size(), 18u);
  EXPECT_EQ(local[1] - local[0], (40 + 2 * video->seconds) / (2 * video->seconds));
  EXPECT_EQ(FrameNumbers(*video, video->global), SpreadNumbers(40));
}

TEST(SampleVideo, FramesCutAwayByAnEditListDontCount) {
  Ffmpeg(NumberedInput() + " -c:v libx264 -g 100 -bf 0", "uncut.mp4");
  const auto video = Sample(Ffmpeg("-ss 1.5 -i {dir}/uncut.mp4 -c copy", "cut.mp4"));
  ASSERT_TRUE(video.ok()) << video.status();
  EXPECT_EQ(video->seconds, 2);
  EXPECT_THAT(FrameNumbers(*video, video->local), ElementsAre(15, 20, 25, 30));
  EXPECT_EQ(FrameNumber(video->frames[video->global.back()]), 39);
}

TEST(SampleVideo, MaxSecondsCutsLocalFramesOnly) {
  const auto video = Sample(Ffmpeg(NumberedInput() + " -c:v libx264", "limited.mp4"), 2);
  ASSERT_TRUE(video.ok()) << video.status();
  EXPECT_EQ(video->seconds, 2);
  EXPECT_THAT(FrameNumbers(*video, video->local), ElementsAre(0, 5, 10, 15));
  EXPECT_EQ(FrameNumbers(*video, video->global), SpreadNumbers(40));
}

TEST(SampleVideo, HoldsStillFramesOnce) {
  const auto video = Sample(
      Ffmpeg("-f lavfi -i color=teal:size=64x48:rate=10:duration=5 -c:v libx264", "still.mp4"));
  ASSERT_TRUE(video.ok()) << video.status();
  EXPECT_THAT(video->frames, SizeIs(1));
  EXPECT_THAT(video->local, SizeIs(10));
  EXPECT_THAT(video->local, Each(0));
  EXPECT_THAT(video->global, SizeIs(32));
  EXPECT_THAT(video->global, Each(0));
}

TEST(SampleVideo, AFrameInBothBranchesIsHeldOnce) {
  const auto video = Sample(Ffmpeg(NumberedInput() + " -c:v ffv1", "shared.mkv"));
  ASSERT_TRUE(video.ok()) << video.status();
  EXPECT_EQ(video->local[0], video->global[0]);
  const auto global = SpreadNumbers(40);
  size_t expected = 32;
  for (const int number : {0, 5, 10, 15, 20, 25, 30, 35}) {
    expected += std::find(global.begin(), global.end(), number) == global.end();
  }
  EXPECT_THAT(video->frames, SizeIs(expected));
}

// A white quarter at the top left.
constexpr char kCorner[] =
    "-f lavfi -i \"color=black:size=64x48:rate=10:duration=2,format=yuv420p,"
    "drawbox=w=32:h=24:color=white:t=fill\" -c:v libx264";

struct Corner {
  int rotation;  // degrees counterclockwise, as ffmpeg writes the option into the file
  int x;
  int y;
};

TEST(SampleVideo, TurnsFramesUpright) {
  Ffmpeg(kCorner, "corner.mp4");
  for (const Corner& corner :
       {Corner{0, 56, 56}, Corner{90, 56, 168}, Corner{180, 168, 168}, Corner{270, 168, 56}}) {
    const std::string name = "rotated" + std::to_string(corner.rotation) + ".mp4";
    const auto video = Sample(Ffmpeg(
        "-i {dir}/corner.mp4 -c copy -metadata:s:v rotate=" + std::to_string(corner.rotation),
        name));
    ASSERT_TRUE(video.ok()) << video.status();
    for (const int x : {56, 168}) {
      for (const int y : {56, 168}) {
        const bool white = x == corner.x && y == corner.y;
        EXPECT_NEAR(Pixel(video->frames[0], 0, x, y), white ? 255 : 0, 4)
            << corner.rotation << " degrees, at " << x << ", " << y;
      }
    }
  }
}

TEST(SampleVideo, ReadsTinyFrames) {
  const std::string input = "-f lavfi -i color=white:size=16x16:rate=10:duration=2";
  for (const std::string size : {"1:1", "1:16", "3:2"}) {
    const auto video =
        Sample(Ffmpeg(input + " -vf scale=" + size + " -c:v ffv1 -pix_fmt yuv444p", "tiny.mkv"));
    ASSERT_TRUE(video.ok()) << size << ": " << video.status();
    EXPECT_THAT(video->frames, SizeIs(1));
    EXPECT_THAT(video->frames[0], Each(::testing::Ge(253)));
  }
}

TEST(SampleVideo, TakesFramesWhoseSizeChanges) {
  const std::string small = NumberedInput(20, 10, "64x48") + " -c:v mpeg2video -q:v 2";
  const std::string large = NumberedInput(20, 10, "128x64") + " -c:v mpeg2video -q:v 2";
  const auto video =
      Sample(Ffmpeg(small + " -r 25", "first.ts") + Ffmpeg(large + " -r 25", "second.ts"));
  ASSERT_TRUE(video.ok()) << video.status();
  EXPECT_EQ(FrameNumber(video->frames[video->global.front()]), 0);
  EXPECT_EQ(FrameNumber(video->frames[video->global.back()]), 19);
}

TEST(SampleVideo, RefusesFilesWithoutVideo) {
  const std::string cover = Ffmpeg("-f lavfi -i color=red:size=32x32 -frames:v 1", "cover.png");
  const std::string audio = "-f lavfi -i sine=duration=3 ";
  for (const std::string& file :
       {Ffmpeg(audio + "-c:a aac", "audio.m4a"), Ffmpeg(audio + "-c:a libopus", "audio.webm"),
        Ffmpeg(audio + "-i {dir}/cover.png -map 0 -map 1 -c:v copy -disposition:v attached_pic",
               "cover.m4a")}) {
    const auto video = Sample(file);
    EXPECT_EQ(video.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(video.status().message(), HasSubstr("no video stream"));
  }
  for (const std::string& file : {cover, Ffmpeg(audio, "audio.wav"), std::string("not a video"),
                                  std::string(5000, '\0'), std::string(5000, 'G')}) {
    const auto video = Sample(file);
    EXPECT_EQ(video.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(video.status().message(), HasSubstr("not a video"));
  }
}

TEST(SampleVideo, OpensNothingButTheFile) {
  const std::string path = "/etc/hostname";
  for (const std::string& file :
       {"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://" + path + "\n",
        "ffconcat version 1.0\nfile " + path + "\n"}) {
    const auto video = Sample(file);
    EXPECT_EQ(video.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(video.status().message(), HasSubstr("not a video"));
  }
}

TEST(SampleVideo, SameFramesFromManyThreads) {
  const std::string file = Ffmpeg(NumberedInput() + " -c:v libx264", "threads.mp4");
  const auto expected = Sample(file);
  ASSERT_TRUE(expected.ok()) << expected.status();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const auto video = Sample(file);
      ASSERT_TRUE(video.ok()) << video.status();
      EXPECT_EQ(video->frames, expected->frames);
      EXPECT_EQ(video->local, expected->local);
      EXPECT_EQ(video->global, expected->global);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace vidmuse
