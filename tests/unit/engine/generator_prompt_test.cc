// Songs that begin with a tune.
#include <atomic>
#include <string>
#include <vector>

#include "core/audio/resampler.h"
#include "core/video/sound_decoder.h"
#include "gmock/gmock.h"
#include "tests/support/wav_file.h"
#include "tests/unit/engine/generator_fixture.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

using ::testing::HasSubstr;

// The tokens of a prompt with the fake model.
std::vector<int32_t> TokensOf(const std::string& prompt) {
  const auto sound = DecodeSound(prompt, Limits(), CancelFlag());
  EXPECT_TRUE(sound.ok()) << sound.status();
  return FakeTokens(Resample(sound->samples, sound->sample_rate, 32000));
}

GenerationRequest WithPrompt(GenerationRequest request, std::string prompt) {
  request.prompt_audio = std::move(prompt);
  return request;
}

TEST_F(GeneratorTest, APromptIsTheSongsBeginning) {
  Start();
  const std::string prompt = WavTone(44100, 1.01, 2);
  const std::vector<int32_t> tokens = TokensOf(prompt);
  ASSERT_EQ(tokens.size(), 4u * 51) << "the last frame isn't full";
  for (const int seconds : {3, 70}) {
    const GenerationRequest request = WithPrompt(Request(), prompt);
    const ReadSong song = ReadAll(*Submit(request, std::to_string(seconds) + " 5"));
    ASSERT_TRUE(song.finished.ok()) << song.finished.status();
    EXPECT_EQ(song.tokens, Tokens(FakeSong(seconds, 5, request.sampling, 25, tokens)));
    EXPECT_NE(song.tokens, Tokens(FakeSong(seconds, 5, request.sampling)));
    EXPECT_EQ(song.bytes.size(), static_cast<size_t>(seconds) * 32000 * sizeof(float));
  }
}

TEST_F(GeneratorTest, TheLongestPromptAndTheShortestRestMakeASong) {
  Start();
  const std::string prompt = WavTone(32000, 10);
  GenerationRequest request = WithPrompt(Request(), prompt);
  const ReadSong song = ReadAll(*Submit(request, "11 5"));
  ASSERT_TRUE(song.finished.ok()) << song.finished.status();
  EXPECT_EQ(song.tokens, Tokens(FakeSong(11, 5, request.sampling, 25, TokensOf(prompt))));
  const absl::Status as_long = ReadAll(*Submit(request, "10 5")).finished.status();
  EXPECT_TRUE(absl::IsInvalidArgument(as_long)) << as_long;
  EXPECT_THAT(as_long.message(), HasSubstr("prompt_audio is 10 s long"));
  EXPECT_EQ(FieldOf(as_long), "prompt_audio");
  request.max_seconds = 4;
  const absl::Status cut = ReadAll(*Submit(request, "60 5")).finished.status();
  EXPECT_THAT(cut.message(), HasSubstr("nothing to make of a song of 4 s"));
}

TEST_F(GeneratorTest, AResumedPromptIsTheSameSong) {
  int prompts = 0;
  prepare_ = [&](FakeModel& model) {
    model.on_prompt = [&] {
      ++prompts;
      return absl::OkStatus();
    };
  };
  Start();
  GenerationRequest request = WithPrompt(Request(), WavTone(48000, 1.5));
  const ReadSong song = ReadAll(*Submit(request, "40 5"));
  ASSERT_TRUE(song.finished.ok()) << song.finished.status();
  EXPECT_EQ(prompts, 1);
  // Within the prompt, at its end, after it, in the second window, at the song's end.
  for (const size_t frames : {0, 1, 40, 74, 75, 76, 600, 1490, 1700, 2000}) {
    SCOPED_TRACE(frames);
    prompts = 0;
    const size_t bytes = frames * 640 * sizeof(float);
    request.resume = ResumeAt(
        {song.tokens.begin(), song.tokens.begin() + static_cast<int64_t>(4 * frames)}, bytes);
    const ReadSong rest = ReadAll(*Submit(request, "40 5"));
    ASSERT_TRUE(rest.finished.ok()) << rest.finished.status();
    EXPECT_EQ(rest.bytes, song.bytes.substr(bytes));
    EXPECT_EQ(rest.tokens,
              std::vector<uint16_t>(song.tokens.begin() + static_cast<int64_t>(4 * frames),
                                    song.tokens.end()));
    EXPECT_EQ(prompts, frames < 75 ? 1 : 0) << "a prompt that is known isn't encoded again";
  }
}

TEST_F(GeneratorTest, ThePromptsAudioComesBeforeTheVideoIsEncoded) {
  Notification heard;
  prepare_ = [&](FakeModel& model) {
    model.on_encode = [&] {
      EXPECT_TRUE(heard.WaitFor(kSoon));
      return absl::OkStatus();
    };
  };
  Start();
  const auto stream = Submit(WithPrompt(Request(), WavTone(32000, 2)), "5 3");
  ASSERT_TRUE(ReadOne(*stream).ok());  // started
  const auto first = ReadOne(*stream);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(std::holds_alternative<AudioChunk>(*first));
  heard.Notify();
  EXPECT_TRUE(ReadAll(*stream).finished.ok());
}

TEST_F(GeneratorTest, BadPromptsAreRefused) {
  Start();
  const absl::Status nonsense =
      ReadAll(*Submit(WithPrompt(Request(), "not a sound"), "5 3")).finished.status();
  EXPECT_TRUE(absl::IsInvalidArgument(nonsense)) << nonsense;
  EXPECT_EQ(FieldOf(nonsense), "prompt_audio");
  const absl::Status too_long =
      ReadAll(*Submit(WithPrompt(Request(), WavTone(8000, 11)), "60 3")).finished.status();
  EXPECT_TRUE(absl::IsInvalidArgument(too_long)) << too_long;
  ASSERT_TRUE(LimitOf(too_long).has_value());
  EXPECT_EQ(LimitOf(too_long)->name, "max_prompt_seconds");
  const absl::Status too_large =
      generator_->Submit(WithPrompt(Request(), std::string((3 << 20) + 1, 'x'))).status();
  EXPECT_TRUE(absl::IsInvalidArgument(too_large)) << too_large;
  ASSERT_TRUE(LimitOf(too_large).has_value());
  EXPECT_EQ(LimitOf(too_large)->name, "max_prompt_bytes");
}

TEST_F(GeneratorTest, AModelWithoutAnEncoderTakesNoPrompt) {
  prepare_ = [](FakeModel& model) { model.SetEncodesAudio(false); };
  Start();
  const absl::Status status = generator_->Submit(WithPrompt(Request(), WavTone(32000, 1))).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
}

TEST_F(GeneratorTest, APromptThatFailsHarmsNoOneElse) {
  std::atomic<bool> fail = true;
  prepare_ = [&](FakeModel& model) {
    model.on_prompt = [&] {
      return fail ? absl::ResourceExhaustedError("no memory") : absl::OkStatus();
    };
  };
  Start();
  const GenerationRequest request = WithPrompt(Request(), WavTone(32000, 1));
  EXPECT_TRUE(absl::IsResourceExhausted(ReadAll(*Submit(request, "5 3")).finished.status()));
  EXPECT_TRUE(ReadAll(*Submit(Request(), "5 3")).finished.ok());
  fail = false;
  EXPECT_TRUE(ReadAll(*Submit(request, "5 3")).finished.ok());
}

TEST_F(GeneratorTest, PromptsCountAsMemoryFromAdmissionOn) {
  GeneratorOptions options;
  options.limits.max_queued_bytes = 200'000;
  Start(options);
  const GenerationRequest request = WithPrompt(Request(), WavTone(48000, 3));  // 288 KB
  EXPECT_TRUE(absl::IsResourceExhausted(generator_->Submit(request).status()));
  EXPECT_TRUE(generator_->Submit(Request()).ok());
}

// What is given isn't made: it counts neither as speed nor as waste.
TEST_F(GeneratorTest, PromptFramesAreNotWasted) {
  Start();
  auto stream = Submit(WithPrompt(Request(), WavTone(32000, 8)), "9 3");
  ASSERT_TRUE(ReadOne(*stream).ok());  // started
  ASSERT_TRUE(ReadOne(*stream).ok());  // the prompt's first chunk
  stream->Cancel();
  stream = nullptr;
  generator_ = nullptr;
  EXPECT_LE(metrics_.counter(Counter::kWastedTokens)["cancelled"], 4 * 50);
}

}  // namespace
}  // namespace vidmuse
