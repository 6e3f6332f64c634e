// Music under videos: copied packets, measured sound, and odd videos. The videos are made, and the
// results are read, by the ffmpeg program.
#include "client/mux/mux_video.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numbers>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/support/subprocess.h"

namespace vidmuse {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int kRate = 32000;
constexpr double kMusicHertz = 700;
constexpr double kOwnHertz = 2000;

class MuxVideoTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "/mux_" +
              testing::UnitTest::GetInstance()->current_test_info()->name() + "/";
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + name; }

  // Runs ffmpeg with arguments separated by spaces, and returns what it wrote.
  static std::string Ffmpeg(const std::string& arguments) {
    std::vector<std::string> args = {"/usr/bin/env", "ffmpeg", "-nostdin", "-hide_banner",
                                     "-loglevel",    "error",  "-y"};
    for (const auto part : absl::StrSplit(arguments, ' ', absl::SkipEmpty()))
      args.emplace_back(part);
    const RunResult result = RunProgram(args);
    EXPECT_EQ(result.exit_code, 0) << arguments << ": " << result.error;
    return result.output;
  }
  static std::string Describe(const std::string& path) {
    return RunProgram({"/usr/bin/env", "ffprobe", "-hide_banner", path}).error;
  }

  static std::string Tags(const std::string& path) {
    return RunProgram({"/usr/bin/env", "ffprobe", "-v", "error", "-of", "default=nw=1",
                       "-show_entries", "format_tags", path})
        .output;
  }
  static std::string Bytes(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string((std::istreambuf_iterator<char>(file)), {});
  }
  // The names of an MP4 file's outermost boxes, which must fill it.
  static std::vector<std::string> BoxesOf(const std::string& bytes) {
    std::vector<std::string> names;
    size_t at = 0;
    while (at + 8 <= bytes.size()) {
      size_t size = 0;
      for (size_t i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(bytes[at + i]);
      names.push_back(bytes.substr(at + 4, 4));
      if (size < 8) break;
      at += size;
    }
    EXPECT_EQ(at, bytes.size());
    return names;
  }

  // A video of `seconds` with B-frames, and sound in its seconds [from, to).
  std::string Video(const std::string& name, double seconds, const std::string& more = "",
                    double from = 0, double to = 100) const {
    Ffmpeg(absl::StrCat(
        "-f lavfi -i testsrc2=s=160x120:r=30:d=", seconds, " -f lavfi -i sine=f=", kOwnHertz,
        ":r=44100:d=", seconds, " -af volume=enable='not(between(t,", from, ",", to, "))':volume=0",
        " -c:v libx264 -bf 2 -g 30 -preset ultrafast -bf 2 -c:a aac ", more, " ", Path(name)));
    return Path(name);
  }

  // Puts `seconds` of a tone under a video.
  absl::Status Mux(const std::string& video, const std::string& output, double seconds,
                   const MuxOptions& options = {}) const {
    auto source = VideoSource::OpenFile(video);
    if (!source.ok()) return source.status();
    Music music;
    music.sample_rate = kRate;
    int64_t at = 0;
    const auto end = static_cast<int64_t>(seconds * kRate);
    music.read = [&](float* samples, size_t frames) -> absl::StatusOr<size_t> {
      const auto count = std::min<int64_t>(static_cast<int64_t>(frames), end - at);
      for (int64_t i = 0; i < count; ++i) {
        samples[i] = static_cast<float>(0.25 * std::sin(2 * std::numbers::pi * kMusicHertz *
                                                        static_cast<double>(at + i) / kRate));
      }
      at += count;
      return static_cast<size_t>(count);
    };
    return MuxVideo(**source, music, ContainerOfPath(output), options, output);
  }

  // The hash of the video packets' bytes, and of the pictures with their times.
  static std::string Packets(const std::string& path) {
    return Ffmpeg(absl::StrCat("-i ", path, " -map 0:v:0 -c copy -f hash -"));
  }
  static std::string Pictures(const std::string& path) {
    return Ffmpeg(absl::StrCat("-i ", path, " -map 0:v:0 -f framehash -"));
  }

  // The soundtrack as its player hears it, mono at kRate.
  static std::vector<float> Sound(const std::string& path) {
    const std::string bytes =
        Ffmpeg(absl::StrCat("-i ", path, " -map 0:a:0 -ac 1 -ar ", kRate, " -f f32le -"));
    std::vector<float> samples(bytes.size() / sizeof(float));
    std::memcpy(samples.data(), bytes.data(), samples.size() * sizeof(float));
    return samples;
  }

  // The amplitude of a tone within [from, to) seconds.
  static double Tone(const std::vector<float>& samples, double hertz, double from, double to) {
    const auto begin = static_cast<size_t>(from * kRate), end = static_cast<size_t>(to * kRate);
    if (end > samples.size()) return -1;
    double real = 0, imaginary = 0;
    for (size_t i = begin; i < end; ++i) {
      const double angle = 2 * std::numbers::pi * hertz * static_cast<double>(i) / kRate;
      real += samples[i] * std::cos(angle), imaginary += samples[i] * std::sin(angle);
    }
    return 2 * std::hypot(real, imaginary) / static_cast<double>(end - begin);
  }

  std::string folder_;
};

TEST_F(MuxVideoTest, CopiesThePictureAndKeepsWhatBelongsToIt) {
  const std::string plain = Video("plain.mp4", 3, "-metadata title=Sea -metadata:s:v language=deu");
  Ffmpeg(absl::StrCat("-i ", plain, " -c copy -metadata:s:v rotate=90 ", Path("turned.mp4")));
  for (const char* name : {"plain.mp4", "turned.mp4"}) {
    for (const char* extension : {".mp4", ".mov", ".mkv"}) {
      const std::string output = Path(absl::StrCat("out", extension));
      const bool turned = std::string(name) == "turned.mp4";
      const absl::Status status = Mux(Path(name), output, 3);
      if (turned && absl::IsInvalidArgument(status)) {
        // Older versions of FFmpeg write Matroska without rotation.
        EXPECT_THAT(std::string(status.message()), HasSubstr("the picture is turned"));
        EXPECT_STREQ(extension, ".mkv");
        continue;
      }
      ASSERT_EQ(status, absl::OkStatus());
      EXPECT_EQ(Packets(output), Packets(Path(name))) << name << extension;
      const std::string text = Describe(output);
      EXPECT_THAT(text, HasSubstr("Sea"));
      EXPECT_EQ(absl::StrContains(text, "rotation of"), turned) << text;
    }
  }
  ASSERT_EQ(Mux(plain, Path("out.mp4"), 3), absl::OkStatus());
  EXPECT_EQ(Pictures(Path("out.mp4")), Pictures(plain));
  EXPECT_THAT(Describe(Path("out.mp4")), HasSubstr("(deu)"));
}

TEST_F(MuxVideoTest, TellsWhereTheMusicIsFrom) {
  const std::string video = Video("in.mp4", 2, "-metadata title=Sea -metadata comment=Mine");
  const std::string plain = Video("plain.mp4", 2);
  // Its tags' names are in capitals.
  const std::string marked = Video("marked.mkv", 2, "-metadata comment=Mine -metadata SEED=8");
  MuxOptions options;
  options.origin = Origin{.version = "1.2", .model = "m & <n>", .seed = 7, .text = "Ours: \u00fc"};
  const std::string comment = OriginComment(*options.origin, MarkedFile::kVideo);
  for (const char* extension : {".mp4", ".mov", ".mkv"}) {
    const std::string output = Path(absl::StrCat("out", extension));
    ASSERT_EQ(Mux(video, output, 2, options), absl::OkStatus());
    EXPECT_EQ(Packets(output), Packets(video));
    EXPECT_NEAR(static_cast<double>(Sound(output).size()), 2 * kRate, 3000);
    const std::string text = Tags(output);
    EXPECT_THAT(text, HasSubstr("title=Sea\n"));
    EXPECT_THAT(absl::AsciiStrToLower(text),
                HasSubstr(absl::AsciiStrToLower("comment=Mine\n" + comment + "\n")));
    const std::string bytes = Bytes(output);
    if (std::string(extension) == ".mkv") {
      EXPECT_THAT(text, HasSubstr("GENERATOR=vidmuse 1.2\n"));
      EXPECT_THAT(text, HasSubstr("MODEL=m & <n>\n"));
      EXPECT_THAT(text, HasSubstr("SEED=7\n"));
      EXPECT_THAT(text, HasSubstr(absl::StrCat("DIGITALSOURCETYPE=",
                                               kCompositeWithTrainedAlgorithmicMedia)));
    } else {
      const std::string box = OriginXmpBox(*options.origin);
      EXPECT_EQ(bytes.substr(bytes.size() - box.size()), box);
      EXPECT_LT(bytes.find("moov"), bytes.find("mdat"));
      EXPECT_THAT(BoxesOf(bytes), testing::IsSupersetOf({"ftyp", "moov", "mdat", "uuid"}));
    }
    ASSERT_EQ(Mux(marked, output, 2, options), absl::OkStatus());
    EXPECT_THAT(absl::AsciiStrToLower(Tags(output)),
                HasSubstr(absl::AsciiStrToLower("comment=Mine\n" + comment + "\n")));
    EXPECT_THAT(Tags(output), Not(HasSubstr("SEED=8")));
    ASSERT_EQ(Mux(plain, output, 2, options), absl::OkStatus());
    EXPECT_THAT(absl::AsciiStrToLower(Tags(output)),
                HasSubstr(absl::AsciiStrToLower("comment=" + comment + "\n")));
  }
}

TEST_F(MuxVideoTest, TheIndexIsInFront) {
  ASSERT_EQ(Mux(Video("in.mp4", 2), Path("out.mp4"), 2), absl::OkStatus());
  const std::string bytes = Bytes(Path("out.mp4"));
  EXPECT_LT(bytes.find("moov"), bytes.find("mdat"));
}

TEST_F(MuxVideoTest, MusicReplacesTheOwnSound) {
  ASSERT_EQ(Mux(Video("in.mp4", 3), Path("out.mp4"), 3), absl::OkStatus());
  const std::vector<float> sound = Sound(Path("out.mp4"));
  EXPECT_NEAR(Tone(sound, kMusicHertz, 0.5, 2.5), 0.25, 0.01);
  EXPECT_LT(Tone(sound, kOwnHertz, 0.5, 2.5), 0.002);
}

TEST_F(MuxVideoTest, GainMakesMusicLouderOrQuieter) {
  const std::string video = Video("in.mp4", 2);
  for (const double gain : {-12.0, 6.0}) {
    ASSERT_EQ(Mux(video, Path("out.mp4"), 2, {.music_gain_db = gain}), absl::OkStatus());
    EXPECT_NEAR(Tone(Sound(Path("out.mp4")), kMusicHertz, 0.5, 1.5), 0.25 * std::pow(10, gain / 20),
                0.02);
  }
  ASSERT_EQ(Mux(video, Path("out.mp4"), 2, {.music_gain_db = 24}), absl::OkStatus());
  for (const float sample : Sound(Path("out.mp4"))) ASSERT_LT(std::abs(sample), 1.05f);
}

TEST_F(MuxVideoTest, TheOwnSoundIsMixedIn) {
  const std::string video = Video("in.mp4", 4, "", 1, 2.5);
  ASSERT_EQ(Mux(video, Path("out.mp4"), 4, {.original_audio = OriginalAudio::kMix}),
            absl::OkStatus());
  const std::vector<float> sound = Sound(Path("out.mp4"));
  EXPECT_NEAR(Tone(sound, kMusicHertz, 0.2, 0.8), 0.25, 0.02);
  EXPECT_NEAR(Tone(sound, kMusicHertz, 1.2, 2.2), 0.25, 0.02);
  EXPECT_LT(Tone(sound, kOwnHertz, 0.2, 0.8), 0.002);
  EXPECT_NEAR(Tone(sound, kOwnHertz, 1.2, 2.2), Tone(Sound(video), kOwnHertz, 1.2, 2.2), 0.01);
}

TEST_F(MuxVideoTest, MusicGivesWayToTheOwnSound) {
  const std::string video = Video("in.mp4", 5, "", 1, 2.5);
  ASSERT_EQ(Mux(video, Path("out.mkv"), 5, {.original_audio = OriginalAudio::kDuck}),
            absl::OkStatus());
  const std::vector<float> sound = Sound(Path("out.mkv"));
  EXPECT_NEAR(Tone(sound, kMusicHertz, 0.2, 0.8), 0.25, 0.02);
  EXPECT_LT(Tone(sound, kMusicHertz, 1.3, 2.3), 0.15);
  EXPECT_NEAR(Tone(sound, kMusicHertz, 4.2, 4.8), 0.25, 0.02);
  EXPECT_NEAR(Tone(sound, kOwnHertz, 1.3, 2.3), Tone(Sound(video), kOwnHertz, 1.3, 2.3), 0.01);
}

TEST_F(MuxVideoTest, AVideoLongerThanItsMusicIsWhole) {
  const std::string video = Video("in.mp4", 4);
  ASSERT_EQ(Mux(video, Path("out.mp4"), 1), absl::OkStatus());
  EXPECT_EQ(Pictures(Path("out.mp4")), Pictures(video));
  EXPECT_NEAR(static_cast<double>(Sound(Path("out.mp4")).size()) / kRate, 1, 0.1);
  ASSERT_EQ(Mux(video, Path("out.mp4"), 1, {.original_audio = OriginalAudio::kDuck}),
            absl::OkStatus());
  EXPECT_NEAR(static_cast<double>(Sound(Path("out.mp4")).size()) / kRate, 4, 0.1);
}

TEST_F(MuxVideoTest, MusicBeginsWithTheFirstPictureShown) {
  // A cut between two keyframes, whose edit list hides the first pictures; and a stream whose times
  // begin late.
  const std::string whole = Video("in.mp4", 4);
  Ffmpeg(absl::StrCat("-ss 1.5 -i ", whole, " -c copy ", Path("cut.mp4")));
  Ffmpeg(absl::StrCat("-i ", whole, " -c copy -output_ts_offset 20 -f mpegts ", Path("late.ts")));
  for (const char* name : {"cut.mp4", "late.ts"}) {
    ASSERT_EQ(Mux(Path(name), Path("out.mp4"), 2), absl::OkStatus());
    const auto count = [](const std::string& text) {
      return std::count(text.begin(), text.end(), '\n');
    };
    EXPECT_EQ(count(Pictures(Path("out.mp4"))), count(Pictures(Path(name)))) << name;
    const std::vector<float> sound = Sound(Path("out.mp4"));
    EXPECT_NEAR(static_cast<double>(sound.size()) / kRate, 2, 0.1) << name;
    EXPECT_NEAR(Tone(sound, kMusicHertz, 0.05, 0.4), 0.25, 0.02) << name;
    EXPECT_THAT(Describe(Path("out.mp4")), HasSubstr("start: 0.0")) << name;
  }
}

TEST_F(MuxVideoTest, OtherStreamsAreLeftOut) {
  const std::string one = Video("one.mp4", 2);
  Ffmpeg(absl::StrCat("-f lavfi -i color=red:s=64x64:d=1 -frames:v 1 ", Path("cover.png")));
  std::ofstream(Path("words.srt")) << "1\n00:00:00,000 --> 00:00:01,000\nwords\n";
  Ffmpeg(absl::StrCat("-i ", one, " -i ", one, " -i ", Path("words.srt"),
                      " -map 0 -map 1 -map 2 -c:v copy -c:a copy -c:s srt ", Path("many.mkv")));
  Ffmpeg(absl::StrCat("-i ", one, " -i ", Path("cover.png"),
                      " -map 1 -map 0 -c copy -disposition:v:0 attached_pic ", Path("cover.mp4")));
  for (const char* name : {"many.mkv", "cover.mp4"}) {
    ASSERT_EQ(Mux(Path(name), Path("out.mp4"), 2), absl::OkStatus()) << name;
    EXPECT_EQ(Packets(Path("out.mp4")), Packets(one)) << name;
    EXPECT_THAT(Describe(Path("out.mp4")), Not(HasSubstr("Stream #0:2"))) << name;
  }
}

TEST_F(MuxVideoTest, VideosWithoutSoundTakeMusicInEveryWay) {
  Ffmpeg(absl::StrCat("-f lavfi -i testsrc2=s=160x120:r=30:d=2 -c:v libvpx ", Path("in.webm")));
  for (const auto own : {OriginalAudio::kDrop, OriginalAudio::kMix, OriginalAudio::kDuck}) {
    ASSERT_EQ(Mux(Path("in.webm"), Path("out.webm"), 2, {.original_audio = own}), absl::OkStatus());
    EXPECT_EQ(Packets(Path("out.webm")), Packets(Path("in.webm")));
    EXPECT_THAT(Describe(Path("out.webm")), HasSubstr("opus"));
    EXPECT_NEAR(Tone(Sound(Path("out.webm")), kMusicHertz, 0.5, 1.5), 0.25, 0.01);
  }
}

TEST_F(MuxVideoTest, RefusalsSayWhatIsWrong) {
  const std::string video = Video("in.mp4", 1);
  const auto fails = [](const absl::Status& status, absl::StatusCode code, const char* message) {
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  };
  fails(Mux(video, Path("out.webm"), 1), absl::StatusCode::kInvalidArgument, "h264");
  fails(Mux(video, Path("out.mp4"), 1, {.music_gain_db = NAN}), absl::StatusCode::kInvalidArgument,
        "gain");
  fails(Mux(video, Path("no/out.mp4"), 1), absl::StatusCode::kInternal, "No such file");
  fails(Mux(video, Path("out.mp4"), 1, {.cancelled = [] { return true; }}),
        absl::StatusCode::kCancelled, "");
  std::ofstream(Path("words.mp4")) << "no video at all";
  fails(Mux(Path("words.mp4"), Path("out.mp4"), 1), absl::StatusCode::kInvalidArgument, "read");
  // A playlist must not make the tool read another file.
  std::ofstream(Path("list.m3u8")) << "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n"
                                   << video << "\n#EXT-X-ENDLIST\n";
  fails(Mux(Path("list.m3u8"), Path("out.mp4"), 1), absl::StatusCode::kInvalidArgument, "read");
}

}  // namespace
}  // namespace vidmuse
