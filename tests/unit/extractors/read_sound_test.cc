// Whole sounds of local files, with their own rate and channels.
#include "core/extractors/read_sound.h"

#include <fcntl.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/video/sandbox.h"
#include "core/video/sound_decoder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/wav_file.h"
#include "tests/unit/model/checkpoint_test_util.h"
#include "tests/unit/video/test_videos.h"

namespace vidmuse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ReadSoundTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& bytes) {
    std::string path = folder_.path(name);
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  absl::StatusOr<Sound> Read(const std::string& name, const std::string& bytes,
                             double most_seconds = 60) {
    return ReadSound(Write(name, bytes), most_seconds);
  }
  std::string ErrorOf(const std::string& bytes, double most_seconds = 60) {
    const absl::Status status = Read("a file", bytes, most_seconds).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(status.message(), HasSubstr("/a file: the sound "));
    return std::string(status.message());
  }

  TempDirectory folder_;
};

TEST_F(ReadSoundTest, PcmIsScaledExactlyAndChannelsStayApart) {
  const auto stereo =
      Read("s.wav", WavFile<int16_t>(44100, 2, {-32768, 32767, 16384, 0, -1, 12345}));
  ASSERT_TRUE(stereo.ok()) << stereo.status();
  EXPECT_EQ(stereo->sample_rate, 44100);
  ASSERT_EQ(stereo->channels.size(), 2u);
  EXPECT_THAT(stereo->channels[0], ElementsAre(-1.0f, 0.5f, -1 / 32768.0f));
  EXPECT_THAT(stereo->channels[1], ElementsAre(32767 / 32768.0f, 0.0f, 12345 / 32768.0f));
  const auto loud = Read("f.wav", WavFile<float>(8000, 1, {-1.5f, 0.1f}));
  ASSERT_TRUE(loud.ok()) << loud.status();
  EXPECT_THAT(loud->channels[0], ElementsAre(-1.5f, 0.1f));
}

// The sandbox gives what the decoder gives in this process, for long sounds in many parts too.
TEST_F(ReadSoundTest, ReadsWhatPeopleHave) {
  const std::string noise = "-f lavfi -i anoisesrc=r=44100:d=3:a=0.3 ";
  const std::pair<std::string, const char*> kinds[] = {
      {noise + "-ac 2 -c:a pcm_s24le", "s24.wav"},
      {noise + "-ac 6", "a.flac"},
      {noise + "-ac 2", "a.mp3"},
      {noise + "-c:a libopus", "opus.ogg"},
      {noise + "-f lavfi -i testsrc=d=3 -c:v libx264 -pix_fmt yuv420p -c:a aac -ac 2", "video.mp4"},
      {"-f lavfi -i anoisesrc=r=8000:d=1200:a=0.3", "twenty_minutes.flac"},
  };
  const CancelFlag never;
  for (const auto& [arguments, name] : kinds) {
    SCOPED_TRACE(name);
    const std::string file = Ffmpeg(arguments, name);
    Limits limits;
    limits.max_video_seconds = 1300;
    WholeSound expected;
    const SoundLimits sound_limits{.most_seconds = 1300};
    ASSERT_TRUE(DecodeWholeSound(file, limits, never, [&](int rate, const auto& part) {
                  return expected.Append(rate, part, sound_limits);
                }).ok());
    const auto sound = Read(name, file, 1300);
    ASSERT_TRUE(sound.ok()) << sound.status();
    EXPECT_EQ(sound->sample_rate, expected.sample_rate);
    EXPECT_TRUE(sound->channels == expected.channels);
    EXPECT_GT(sound->channels[0].size(), static_cast<size_t>(2.9 * sound->sample_rate));
  }
}

TEST_F(ReadSoundTest, IsWhatAPromptIsTheMeanOf) {
  const std::string file = Ffmpeg("-f lavfi -i anoisesrc=r=32000:d=2:a=0.3 -ac 2", "a.flac");
  const CancelFlag never;
  const auto prompt = DecodeSound(file, Limits(), never);
  const auto sound = Read("a.flac", file);
  ASSERT_TRUE(prompt.ok()) << prompt.status();
  ASSERT_TRUE(sound.ok()) << sound.status();
  ASSERT_EQ(sound->channels.size(), 2u);
  ASSERT_EQ(sound->channels[0].size(), prompt->samples.size());
  for (size_t i = 0; i < prompt->samples.size(); ++i) {
    ASSERT_EQ(prompt->samples[i],
              static_cast<float>((double{sound->channels[0][i]} + sound->channels[1][i]) / 2));
  }
}

TEST_F(ReadSoundTest, RefusesTheRest) {
  std::vector<float> numbers(16000, 0.1f);
  numbers[15999] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(ErrorOf(""), HasSubstr("is not sound"));
  EXPECT_THAT(ErrorOf("ffconcat version 1.0\nfile /etc/hostname\n"), HasSubstr("is not sound"));
  EXPECT_THAT(ErrorOf(WavFile<int16_t>(32000, 1, {})), HasSubstr("has no samples"));
  EXPECT_THAT(ErrorOf(WavFile(32000, 1, numbers)), HasSubstr("no numbers"));
  EXPECT_THAT(ErrorOf(WavTone(8000, 1, 64)), HasSubstr("has 64 channels; the limit is 32"));
  EXPECT_THAT(ErrorOf(WavTone(400'000, 1)), HasSubstr("the limit is 384000"));
  EXPECT_THAT(ErrorOf(WavTone(8000, 2.5), 2), HasSubstr("or more seconds; the limit is 2"));
  EXPECT_TRUE(Read("two seconds", WavTone(8000, 2), 2).ok());
  EXPECT_THAT(ErrorOf(Ffmpeg("-f lavfi -i testsrc=d=1 -c:v libx264", "silent.mp4")),
              HasSubstr("no audio stream"));
}

TEST_F(ReadSoundTest, AllChannelsTogetherAreBounded) {
  WholeSound sound;
  const SoundLimits limits{.most_seconds = 10, .most_samples = 30};
  const std::vector<std::vector<float>> part(2, std::vector<float>(10));
  ASSERT_TRUE(sound.Append(8000, part, limits).ok());
  EXPECT_THAT(sound.Append(8000, part, limits).message(),
              HasSubstr("has more than 30 samples in its 2 channels"));
  EXPECT_EQ(sound.channels[0].size(), 10u);
}

TEST_F(ReadSoundTest, SaysWhichFileCannotBeOpened) {
  const absl::Status missing = ReadSound("/nowhere/a.wav", 10).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(missing.message(), HasSubstr("/nowhere/a.wav"));
  const absl::Status folder = ReadSound(folder_.path(), 10).status();
  EXPECT_EQ(folder.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(folder.message(), HasSubstr("is not a regular file"));
  EXPECT_EQ(Read("a.wav", WavTone(8000, 1), 0).status().code(), absl::StatusCode::kInvalidArgument);
}

// A decoder that the file has taken over can't hand over anything but sound.
TEST_F(ReadSoundTest, AnswersAreChecked) {
  const auto sandbox = VideoSandbox::Create(VIDMUSE_BIN_DIR "/tests/misbehaving_decoder",
                                            VideoSandbox::Filter::kRequired, {});
  ASSERT_TRUE(sandbox.ok()) << sandbox.status();
  const CancelFlag never;
  const std::pair<const char*, const char*> deeds[] = {
      {"well-behaved", "crashed its decoder"},
      {"sound cut", "crashed its decoder"},
      {"part without end",
       "crashed its decoder (its result is a part of a sound that is too large)"},
      {"part too long", "crashed its decoder (its result is a part of a sound that is too large)"},
      {"part cut", "crashed its decoder (exit code 0)"},
      {"part without channels", "has no channels"},
      {"part of no numbers", "has samples that are infinite, no numbers"},
      {"part at no rate", "has a sample rate of 0 Hz"},
      {"parts without end", "has 11 or more seconds; the limit is 10"},
      {"parts of other channels", "changes its number of channels"},
      {"parts of other rates", "changes its sample rate"},
      {"no parts", "has no samples"},
      {"crash", "crashed its decoder (signal 11)"},
      {"say nonsense", "crashed its decoder"},
  };
  for (const auto& [deed, error] : deeds) {
    SCOPED_TRACE(deed);
    const UniqueFd file(open(Write("deed", deed).c_str(), O_RDONLY | O_CLOEXEC));
    const absl::Status status = (*sandbox)->DecodeWholeSound(file, 10, never).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(status.message(), HasSubstr(absl::StrCat("the sound ", error)));
  }
}

}  // namespace
}  // namespace vidmuse
