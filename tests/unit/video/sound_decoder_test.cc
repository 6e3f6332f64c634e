// What comes out of sound files of every kind, and which are refused.
#include "core/video/sound_decoder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "core/video/sandbox.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/wav_file.h"
#include "tests/unit/video/test_videos.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<DecodedSound> Decode(const std::string& file) {
  const CancelFlag never;
  return DecodeSound(file, Limits(), never);
}

double Rms(const std::vector<float>& samples) {
  double squares = 0;
  for (const float sample : samples) squares += double{sample} * sample;
  return std::sqrt(squares / static_cast<double>(samples.size()));
}

TEST(SoundDecoder, SamplesAreScaledToOneAndChannelsAveraged) {
  std::vector<int16_t> pcm = {-32768, 32767, 16384, 0, -1, 1};
  pcm.resize(2 * 8000);
  const auto stereo = Decode(WavFile(8000, 2, pcm));
  ASSERT_TRUE(stereo.ok()) << stereo.status();
  EXPECT_EQ(stereo->sample_rate, 8000);
  ASSERT_EQ(stereo->samples.size(), 8000u);
  EXPECT_EQ(stereo->samples[0], -0x1p-16f);
  EXPECT_EQ(stereo->samples[1], 0.25f);
  EXPECT_EQ(stereo->samples[2], 0.0f);
  const auto loud = Decode(WavFile(8000, 1, std::vector<float>(8000, -1.5f)));
  ASSERT_TRUE(loud.ok()) << loud.status();
  EXPECT_EQ(loud->samples, std::vector<float>(8000, -1.5f)) << "floats are left as they are";
}

// Each in this process and in the sandbox, whose filter must let its decoder work.
TEST(SoundDecoder, ReadsWhatPeopleHave) {
  const auto sandbox = VideoSandbox::Create(VIDMUSE_BIN_DIR "/vidmuse_video_decoder",
                                            VideoSandbox::Filter::kRequired, {});
  ASSERT_TRUE(sandbox.ok()) << sandbox.status();
  const std::string tone = "-f lavfi -i sine=frequency=440:sample_rate=44100:duration=2 ";
  const std::pair<const char*, const char*> kinds[] = {
      {"", "a.wav"},
      {"-c:a pcm_u8", "u8.wav"},
      {"-c:a pcm_s24le", "s24.wav"},
      {"-c:a pcm_f64le -ar 96000 -ac 2", "f64.wav"},
      {"-c:a adpcm_ms", "adpcm.wav"},
      {"-c:a pcm_mulaw -ar 8000", "a.au"},
      {"", "a.w64"},
      {"", "a.aiff"},
      {"-c:a alac", "a.caf"},
      {"", "a.flac"},
      {"-ac 2", "a.mp3"},
      {"-c:a libvorbis", "vorbis.ogg"},
      {"-c:a libopus", "opus.ogg"},
      {"-c:a aac", "a.m4a"},
      {"-c:a aac", "a.aac"},
      {"-c:a libopus", "a.webm"},
      {"-c:a ac3 -ac 6", "a.ac3"},
      {"-c:a eac3", "a.eac3"},
      {"-c:a wmav2", "a.wma"},
      {"-c:a wavpack", "a.wv"},
      {"-c:a tta", "a.tta"},
      {"-c:a mp2", "a.ts"},
      {"-f lavfi -i testsrc=d=2 -c:v libx264 -pix_fmt yuv420p -c:a aac", "video.mp4"},
  };
  const CancelFlag never;
  for (const auto& [options, name] : kinds) {
    SCOPED_TRACE(name);
    const std::string file = Ffmpeg(tone + options, name);
    const auto sound = Decode(file);
    ASSERT_TRUE(sound.ok()) << sound.status();
    const double seconds = static_cast<double>(sound->samples.size()) / sound->sample_rate;
    EXPECT_NEAR(seconds, 2, 0.11);
    // Less than a tone's 0.088 where it was spread over several channels.
    EXPECT_THAT(Rms(sound->samples), ::testing::AllOf(::testing::Gt(0.01), ::testing::Lt(0.1)));
    const auto confined = (*sandbox)->DecodeSound(file, Limits(), never);
    ASSERT_TRUE(confined.ok()) << confined.status();
    EXPECT_EQ(confined->sample_rate, sound->sample_rate);
    EXPECT_TRUE(confined->samples == sound->samples);
  }
}

struct Refused {
  std::string name, file, message;
  std::string limit = {}, value = {};
};

std::vector<Refused> RefusedFiles() {
  std::vector<float> numbers(16000, 0.1f);
  numbers[77] = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> infinite(16000, 0.1f);
  infinite[15999] = std::numeric_limits<float>::infinity();
  std::string cut = WavTone(32000, 1);
  cut.resize(60);
  // Its packets are where its header says, but they hold nothing.
  std::string damaged = Ffmpeg("-f lavfi -i sine=duration=2 -c:a aac", "to_damage.m4a");
  const size_t data = damaged.find("mdat") + 4;
  std::fill_n(damaged.begin() + static_cast<int64_t>(data), damaged.find("moov") - 4 - data,
              '\xff');
  return {
      {"nothing", "", "is not sound"},
      {"text", "#EXTM3U\nfile:///etc/passwd\n", "is not sound"},
      {"zeros", std::string(100'000, '\0'), "is not sound"},
      {"a picture", Ffmpeg("-f lavfi -i color=size=32x32 -frames:v 1", "p.png"), "is not sound"},
      {"a silent video", Ffmpeg("-f lavfi -i testsrc=d=1 -c:v libx264", "silent.mp4"),
       "no audio stream"},
      {"a list of files", "ffconcat version 1.0\nfile /etc/hostname\n", "is not sound"},
      {"no samples", WavFile<int16_t>(32000, 1, {}), "no samples"},
      {"cut after the header", cut, "is 0.000 s long"},
      {"too short", WavTone(32000, 0.49), "is 0.490 s long"},
      {"too long", WavTone(32000, 10.01), "the limit is 10", "max_prompt_seconds"},
      {"hours", Ffmpeg("-f lavfi -i anullsrc=d=3000 -c:a flac", "hours.flac"), "the limit is 10",
       "max_prompt_seconds"},
      {"no number", WavFile(32000, 1, numbers), "no numbers"},
      {"infinite", WavFile(32000, 1, infinite), "infinite"},
      {"far too loud", WavFile(32000, 1, std::vector<float>(16000, 1e30f)), "far over"},
      {"400 kHz", WavTone(400'000, 1), "max_prompt_sample_rate", "max_prompt_sample_rate",
       "400000"},
      {"100 Hz", WavTone(100, 1), "100 Hz"},
      {"64 channels", WavTone(8000, 1, 64), "has 64 channels; the limit is 32",
       "max_prompt_channels", "64"},
      {"damaged", damaged, "too damaged"},
  };
}

TEST(SoundDecoder, RefusesTheRest) {
  const auto sandbox = VideoSandbox::Create(VIDMUSE_BIN_DIR "/vidmuse_video_decoder",
                                            VideoSandbox::Filter::kRequired, {});
  ASSERT_TRUE(sandbox.ok()) << sandbox.status();
  const CancelFlag never;
  for (const Refused& refused : RefusedFiles()) {
    SCOPED_TRACE(refused.name);
    const absl::Status here = Decode(refused.file).status();
    EXPECT_EQ(here.code(), absl::StatusCode::kInvalidArgument) << here;
    EXPECT_THAT(here.message(), HasSubstr(refused.message));
    EXPECT_TRUE(absl::StartsWith(here.message(), "prompt_audio ")) << here;
    const absl::Status there = (*sandbox)->DecodeSound(refused.file, Limits(), never).status();
    EXPECT_EQ(there.code(), here.code());
    EXPECT_EQ(there.message(), here.message());
    const auto limit = LimitOf(there);
    EXPECT_EQ(limit ? limit->name : "", refused.limit);
    if (limit && !refused.value.empty()) {
      EXPECT_EQ(limit->value, refused.value);
    }
  }
}

TEST(SoundDecoder, BothEndsOfTheAllowedLengthAreAllowed) {
  for (const double seconds : {0.5, 10.0}) {
    const auto sound = Decode(WavTone(44100, seconds));
    ASSERT_TRUE(sound.ok()) << sound.status();
    EXPECT_EQ(sound->samples.size(), static_cast<size_t>(seconds * 44100));
  }
  EXPECT_TRUE(Decode(WavTone(384'000, 10)).ok());
}

TEST(SoundDecoder, Cancelled) {
  CancelFlag cancel;
  cancel.Cancel();
  const absl::Status status = DecodeSound(WavTone(8000, 1), Limits(), cancel).status();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

// A decoder that the file has taken over can't hand the server anything but sound.
TEST(SoundDecoder, AnswersAreChecked) {
  const auto sandbox = VideoSandbox::Create(VIDMUSE_BIN_DIR "/tests/misbehaving_decoder",
                                            VideoSandbox::Filter::kRequired, {});
  ASSERT_TRUE(sandbox.ok()) << sandbox.status();
  const CancelFlag never;
  for (const char* deed : {"well-behaved", "sound without end", "sound cut", "sound of no numbers",
                           "sound at no rate", "crash", "say nonsense"}) {
    SCOPED_TRACE(deed);
    const absl::Status status = (*sandbox)->DecodeSound(deed, Limits(), never).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(status.message(), HasSubstr("prompt_audio crashed its decoder"));
  }
}

}  // namespace
}  // namespace vidmuse
