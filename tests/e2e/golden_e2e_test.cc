// Compares whole requests with what the reference computed for the same videos and weights.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "core/model/checkpoint/tensor_file.h"
#include "tests/e2e/harness.h"

namespace vidmuse {
namespace {

class GoldenE2eTest : public testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() {
    auto server = ServerProcess::Start({"--model_dir", *TinyModel()});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = std::move(*server);
    auto file = TensorFile::OpenTorch(DataPath("golden/tiny/expected.pt"));
    ASSERT_TRUE(file.ok()) << file.status();
    expected_ = std::move(*file);
  }
  static void TearDownTestSuite() {
    if (server_ != nullptr) {
      EXPECT_EQ(server_->Stop(), absl::OkStatus());
    }
    server_.reset();
    expected_.reset();
  }
  void SetUp() override { ASSERT_TRUE(server_ != nullptr && expected_ != nullptr); }

  const TensorView& Expected(const std::string& name) {
    return expected_->tensors().at(std::string(GetParam()) + "/" + name);
  }
  // Audio of greedy decoding in PCM_F32LE.
  std::string Run(const std::string& loudness, const std::vector<std::string>& more) {
    const std::string output = TempFile("out.f32");
    std::vector<std::string> flags = {"--greedy", "--format", "pcm_f32le", "--loudness", loudness};
    flags.insert(flags.end(), more.begin(), more.end());
    const RunResult result = Generate(*server_, GoldenVideo(GetParam()), output, flags);
    EXPECT_EQ(result.exit_code, 0) << result.error;
    return ReadFile(output);
  }
  void ExpectNear(const TensorView& want, const float* got, float tolerance) {
    ASSERT_EQ(want.dtype, DType::kFloat32);
    const auto* values = static_cast<const float*>(want.data);
    float worst = 0;
    for (int64_t i = 0; i < want.elements(); ++i) {
      worst = std::max(worst, std::abs(values[i] - got[i]));
    }
    EXPECT_LE(worst, tolerance);
  }

  static std::unique_ptr<ServerProcess> server_;
  static std::unique_ptr<TensorFile> expected_;
};

std::unique_ptr<ServerProcess> GoldenE2eTest::server_;
std::unique_ptr<TensorFile> GoldenE2eTest::expected_;

TEST_P(GoldenE2eTest, TokensAndAudioAreTheReferences) {
  const std::string tokens_path = TempFile("out.tokens");
  const std::vector<float> audio = Floats(Run("none", {"--tokens", tokens_path}));
  const auto tokens = ReadTokens(tokens_path);
  ASSERT_TRUE(tokens.ok()) << tokens.status();

  const TensorView& want = Expected("greedy_tokens");
  ASSERT_EQ(want.dtype, DType::kInt16);
  ASSERT_EQ(want.shape, (std::vector<int64_t>{4, static_cast<int64_t>(tokens->size())}));
  const auto* values = static_cast<const int16_t*>(want.data);
  const size_t frames = tokens->size();
  for (size_t frame = 0; frame < frames; ++frame) {
    std::vector<int> column;
    for (size_t codebook = 0; codebook < 4; ++codebook) {
      column.push_back(values[codebook * frames + frame]);
    }
    ASSERT_EQ((*tokens)[frame], column) << "frame " << frame;
  }

  ASSERT_EQ(audio.size(), frames * 640);
  ExpectNear(Expected("audio_head"), audio.data(), 1e-4f);
  const TensorView& tail = Expected("audio_tail");
  ExpectNear(tail, audio.data() + audio.size() - tail.elements(), 1e-4f);

  // Resumes from all the tokens, which gives the same song at the reference's loudness.
  const std::vector<float> loud = Floats(Run("reference", {"--resume", tokens_path}));
  ASSERT_EQ(loud.size(), audio.size());
  ExpectNear(Expected("loud_head"), loud.data(), 1e-3f);
}

INSTANTIATE_TEST_SUITE_P(Videos, GoldenE2eTest,
                         testing::Values("pattern_4s", "life_7s", "zoom_63s"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace vidmuse
