// Gradients of every block against finite differences.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/model/architecture/video_frames.h"
#include "core/train/codec_network.h"
#include "core/train/model_files.h"
#include "core/train/spectral_loss.h"
#include "core/train/token_network.h"
#include "tests/unit/train/train_test_util.h"

namespace vidmuse::train {
namespace {

class CodecGradients : public testing::Test {
 protected:
  CodecGradients() : model_(*NewCodec(SmallSizes(), 1)) {
    parameters_ = model_.parameters.To(at::kCPU, at::kDouble);
  }
  const CodecModel model_;
  Parameters parameters_;
};

TEST_F(CodecGradients, Encoder) {
  const at::Tensor audio = RandomTensor("audio", {2, 3 * 640}, 0.3);
  ExpectGradients(parameters_, {"encoder."}, {audio},
                  [&] { return EncodeAudio(model_.config, parameters_, audio); });
}

TEST_F(CodecGradients, Decoder) {
  const at::Tensor latents = RandomTensor("latents", {2, 8, 3});
  ExpectGradients(parameters_, {"decoder."}, {latents},
                  [&] { return DecodeLatents(model_.config, parameters_, latents); });
}

TEST_F(CodecGradients, ReflectedPadding) {
  CodecConfig config = model_.config;
  config.reflect_padding = true;
  const at::Tensor audio = RandomTensor("audio", {1, 8 * 640}, 0.3);
  ExpectGradients(parameters_, {"encoder."}, {audio},
                  [&] { return EncodeAudio(config, parameters_, audio); });
}

TEST_F(CodecGradients, PassStraightThroughTheQuantizer) {
  const at::Tensor latents = RandomTensor("latents", {2, 8, 5}).set_requires_grad(true);
  const at::Tensor weights = RandomTensor("weights", {2, 8, 5});
  (Quantize(model_.config, parameters_, latents).latents * weights).sum().backward();
  EXPECT_TRUE(at::allclose(latents.grad(), weights));
}

TEST(SpectralLossTest, Gradients) {
  const at::Tensor audio = RandomTensor("audio", {2, 4096}, 0.1);
  const at::Tensor target = RandomTensor("target", {2, 4096}, 0.1);
  // Distances have kinks, and a few of thousands of bins lie at one.
  ExpectGradients(
      Parameters(), {}, {audio}, [&] { return SpectralLoss(audio, target); }, 1e-3);
  EXPECT_NEAR(SpectralLoss(target, target).item<double>(), 0, 1e-6);
}

class TokenGradients : public testing::Test {
 protected:
  TokenGradients() : model_(*NewTokenModel(SmallSizes(), 1)) {
    parameters_ = model_.parameters.To(at::kCPU, at::kDouble);
  }
  const TokenModel model_;
  Parameters parameters_;
};

TEST_F(TokenGradients, ClipTower) {
  const at::Tensor frames = RandomTensor("frames", {2, 3, 224, 224}, 100).abs().to(at::kByte);
  // The last norm's weights aren't used.
  const std::string tower = "visual_encoder_model.vision_model.";
  ExpectGradients(parameters_, {tower + "embeddings.", tower + "pre_layrnorm", tower + "encoder."},
                  {}, [&] { return ClipStates(model_.config, parameters_, frames); });
}

TEST_F(TokenGradients, TemporalTransformer) {
  const at::Tensor states = RandomTensor("states", {2, kTokensPerFrame, 192});
  ExpectGradients(parameters_, {"local_"}, {states}, [&] {
    return TemporalStates(model_.config, parameters_, VideoBranch::kLocal, states);
  });
}

TEST_F(TokenGradients, CrossCondition) {
  const at::Tensor local = RandomTensor("local", {2, 6, 192});
  const at::Tensor global = RandomTensor("global", {2, 9, 192});
  ExpectGradients(parameters_, {"multi_head_cross_attention.", "visual_feature_proj."},
                  {local, global},
                  [&] { return CrossCondition(model_.config, parameters_, local, global); });
}

TEST_F(TokenGradients, TransformerLayer) {
  const at::Tensor x = RandomTensor("x", {2, 7, 16});
  const at::Tensor condition = RandomTensor("condition", {2, 5, 16});
  ExpectGradients(parameters_, {"transformer.layers.1."}, {x, condition},
                  [&] { return TransformerLayer(model_.config, parameters_, 1, x, condition); });
}

TEST_F(TokenGradients, Loss) {
  const at::Tensor codes = RandomTensor("codes", {2, 4, 6}, 5).abs().clamp_max(15).to(at::kLong);
  const at::Tensor condition = RandomTensor("condition", {2, 5, 16});
  ExpectGradients(parameters_, {"emb.", "linears.", "out_norm.", "transformer."}, {condition},
                  [&] { return TokenLoss(model_.config, parameters_, codes, condition); });
}

// What is heard changes what is predicted, not what should be.
TEST_F(TokenGradients, LossOfForeignFrames) {
  const at::Tensor codes = RandomTensor("codes", {2, 4, 6}, 5).abs().clamp_max(15).to(at::kLong);
  const at::Tensor other = RandomTensor("other", {2, 4, 6}, 5).abs().clamp_max(15).to(at::kLong);
  const at::Tensor condition = RandomTensor("condition", {2, 5, 16});
  const at::Tensor everything = at::ones({2, 9}, at::kBool);
  const auto loss = [&](const at::Tensor& of, const at::Tensor& hidden, const at::Tensor& heard) {
    return TokenLoss(model_.config, parameters_, of, condition, hidden, heard).item<double>();
  };
  EXPECT_EQ(loss(codes, {}, codes), loss(codes, {}, {}));
  EXPECT_NE(loss(codes, {}, other), loss(codes, {}, {}));
  EXPECT_EQ(loss(codes, everything, other), loss(codes, everything, codes));
  EXPECT_NE(loss(other, everything, codes), loss(codes, everything, codes));
}

TEST(DelaySequenceTest, ShiftsCodebookKByKSteps) {
  const at::Tensor codes = at::arange(8, at::kLong).view({1, 4, 2});
  const at::Tensor sequence = DelaySequence(codes, 9);
  EXPECT_EQ(sequence.size(2), 6);
  for (int k = 0; k < 4; ++k) {
    for (int frame = 0; frame < 2; ++frame) {
      EXPECT_EQ(sequence[0][k][1 + k + frame].item<int64_t>(), 2 * k + frame);
    }
  }
  EXPECT_EQ((sequence == 9).sum().item<int64_t>(), 4 * 6 - 8);
}

}  // namespace
}  // namespace vidmuse::train
