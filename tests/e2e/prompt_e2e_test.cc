// Songs that begin with a tune, through the real programs.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/music_client.h"
#include "core/model/checkpoint/tensor_file.h"
#include "core/model/cpu/codec.h"
#include "core/model/cpu/kernels/kernel_choice.h"
#include "tests/e2e/harness.h"
#include "tests/support/golden_tune.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {
namespace {

using ::testing::HasSubstr;

std::string TuneFile() {
  const std::string path = TempFile("tune.wav");
  std::ofstream(path, std::ios::binary) << GoldenTune();
  return path;
}

// The golden's tokens of the tune, [frames][codebooks].
std::vector<std::vector<int>> GoldenTokens() {
  const auto file = TensorFile::OpenTorch(DataPath("golden/prompt/expected.pt"));
  EXPECT_TRUE(file.ok()) << file.status();
  const auto* codes = static_cast<const int16_t*>((*file)->tensors().at("codes").data);
  std::vector<std::vector<int>> tokens(kGoldenTuneFrames);
  for (int frame = 0; frame < kGoldenTuneFrames; ++frame) {
    for (int k = 0; k < 4; ++k) tokens[frame].push_back(codes[k * kGoldenTuneFrames + frame]);
  }
  return tokens;
}

// What the codec decodes the golden's tokens to, as far as nothing after them matters.
std::vector<float> TuneAsDecoded() {
  const auto file = TensorFile::OpenTorch(DataPath("golden/tiny/compression_state_dict.bin"));
  EXPECT_TRUE(file.ok()) << file.status();
  const auto config = ParseAudiocraftCodecConfig((*file)->strings().at("xp.cfg"));
  WeightReader weights(file->get(), "best_state/");
  const auto codec =
      cpu::Codec::Load(*config, CodecNames::kAudiocraft, weights, **cpu::CpuKernels());
  EXPECT_TRUE(codec.ok()) << codec.status();
  std::vector<int32_t> tokens;
  for (const auto& frame : GoldenTokens()) tokens.insert(tokens.end(), frame.begin(), frame.end());
  std::vector<float> samples;
  EXPECT_TRUE(cpu::CodecStream(*codec).Push(tokens, false, &samples).ok());
  return samples;
}

TEST(PromptE2eTest, TheSongBeginsWithTheTune) {
  const auto server = ServerProcess::Start({"--model_dir", *TinyModel()});
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string output = TempFile("out.f32"), tokens_path = TempFile("out.tokens");
  const RunResult result = Generate(**server, GoldenVideo("pattern_4s"), output,
                                    {"--seed", "3", "--format", "pcm_f32le", "--loudness", "none",
                                     "--prompt", TuneFile(), "--tokens", tokens_path});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  const auto tokens = ReadTokens(tokens_path);
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  ASSERT_EQ(tokens->size(), 200u);
  const std::vector<std::vector<int>> golden = GoldenTokens();
  EXPECT_TRUE(std::equal(golden.begin(), golden.end(), tokens->begin()));
  const std::vector<float> audio = Floats(ReadFile(output));
  ASSERT_EQ(audio.size(), 200u * 640);
  const std::vector<float> tune = TuneAsDecoded();
  ASSERT_GT(tune.size(), 60u * 640);
  for (size_t i = 0; i < tune.size(); ++i) ASSERT_NEAR(audio[i], tune[i], 1e-5) << i;

  // The same in one message.
  const auto stub = v1::MusicService::NewStub(
      grpc::CreateChannel((*server)->address(), grpc::InsecureChannelCredentials()));
  v1::GenerateMusicFromVideoRequest request;
  request.set_video(ReadFile(GoldenVideo("pattern_4s")));
  request.mutable_config()->mutable_sampling()->set_seed(3);
  request.mutable_config()->set_format(v1::AUDIO_FORMAT_PCM_F32LE);
  request.mutable_config()->set_loudness(v1::LOUDNESS_NONE);
  request.mutable_config()->set_prompt_audio(GoldenTune());
  grpc::ClientContext context;
  const auto stream = stub->GenerateMusicFromVideo(&context, request);
  std::string bytes;
  for (v1::GenerateMusicResponse response; stream->Read(&response);) {
    bytes += response.chunk().data();
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_TRUE(bytes == ReadFile(output));
  EXPECT_EQ((*server)->Stop(), absl::OkStatus());
}

TEST(PromptE2eTest, BadPromptsAreClearErrors) {
  const auto server =
      ServerProcess::Start({"--model_dir", *TinyModel(), "--max_prompt_bytes", "400000"});
  ASSERT_TRUE(server.ok()) << server.status();
  const auto run = [&](const std::string& name, const std::string& bytes,
                       const std::string& video) {
    const std::string path = TempFile(name);
    std::ofstream(path, std::ios::binary) << bytes;
    return Generate(**server, GoldenVideo(video), TempFile("none.wav"), {"--prompt", path});
  };
  const std::tuple<std::string, std::string, const char*, const char*> cases[] = {
      {"text.wav", "not a sound", "life_7s", "prompt_audio is not sound"},
      {"empty.wav", "", "life_7s", "is empty"},
      {"long.wav", WavTone(8000, 11), "zoom_63s", "max_prompt_seconds"},
      {"large.wav", WavTone(32000, 9), "zoom_63s", "max_prompt_bytes of 400000"},
      {"as_long.wav", WavTone(8000, 4), "pattern_4s", "leaves nothing to make"},
  };
  for (const auto& [name, bytes, video, message] : cases) {
    SCOPED_TRACE(name);
    const RunResult result = run(name, bytes, video);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.error, HasSubstr(message));
  }
  EXPECT_EQ(run("good.wav", WavTone(8000, 1), "pattern_4s").exit_code, 0);
  EXPECT_EQ((*server)->Stop(), absl::OkStatus());
}

class PromptFailoverTest : public ::testing::TestWithParam<double> {};

// A server is killed once `seconds` of audio have come. The file must be the same as without that.
TEST_P(PromptFailoverTest, AKilledServerCostsNothingButTime) {
  std::vector<std::unique_ptr<ServerProcess>> servers(2);
  std::vector<std::string> addresses;
  for (auto& server : servers) {
    auto started = ServerProcess::Start({"--model_dir", *TinyModel()});
    ASSERT_TRUE(started.ok()) << started.status();
    server = *std::move(started);
    addresses.push_back(server->address());
  }
  const std::string video = ReadFile(GoldenVideo("zoom_63s"));
  const auto call = [&](size_t kill_after, std::string* audio) {
    const auto client = MusicClient::Create({.addresses = addresses, .max_retries = 20});
    GenerateOptions options;
    options.config.mutable_sampling()->set_seed(1);
    options.config.set_loudness(v1::LOUDNESS_NONE);
    options.config.set_format(v1::AUDIO_FORMAT_PCM_F32LE);
    options.config.set_max_chunk_seconds(0.2);
    options.config.set_prompt_audio(GoldenTune());
    options.deadline = kPatience * absl::Minutes(3);
    GenerateSink sink;
    sink.chunk = [&](const v1::AudioChunk& chunk) {
      *audio += chunk.data();
      if (kill_after == 0 || audio->size() < kill_after) return absl::OkStatus();
      kill_after = 0;
      for (auto& server : servers) {
        if (!server->WaitForMetric("vidmuse_requests_running", "", 1, absl::ZeroDuration()).ok() &&
            !server->WaitForMetric("vidmuse_requests_waiting", "", 1, absl::ZeroDuration()).ok()) {
          continue;
        }
        server = nullptr;
        return absl::OkStatus();
      }
      return absl::NotFoundError("no server is busy");
    };
    return (*client)->Generate(options, *VideoSource::FromMemory(video), sink);
  };
  std::string expected, audio;
  ASSERT_EQ(call(0, &expected), absl::OkStatus());
  const auto kill_after = static_cast<size_t>(GetParam() * 32000) * sizeof(float);
  ASSERT_EQ(call(kill_after, &audio), absl::OkStatus());
  EXPECT_TRUE(servers[0] == nullptr || servers[1] == nullptr);
  EXPECT_EQ(audio.size(), size_t{63} * 32000 * sizeof(float));
  EXPECT_TRUE(audio == expected);
}

// Within the tune, whose rest the other server encodes again, and after it.
INSTANTIATE_TEST_SUITE_P(Seconds, PromptFailoverTest, ::testing::Values(0.3, 5.0));

}  // namespace
}  // namespace vidmuse
