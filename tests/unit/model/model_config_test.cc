#include "core/model/architecture/model_config.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/model/synthetic/layout.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/model/checkpoint_test_util.h"

namespace vidmuse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The configurations that the published files of the golden model hold.
std::string LmYaml() { return vidmuse::LmYaml(HashModelSizes()); }
std::string CodecYaml() { return vidmuse::CodecYaml(HashModelSizes()); }
std::string HuggingFaceJson() { return ReadFile(DataPath("golden/hf_codec/config.json")); }

// `text` with one part, which must be there once, replaced.
std::string With(const std::string& text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  EXPECT_EQ(text.find(from, at + 1), std::string::npos) << from;
  return absl::StrReplaceAll(text, {{from, to}});
}

struct Change {
  const char* from;
  const char* to;
  const char* error;
};

template <typename Config>
void ExpectError(const absl::StatusOr<Config>& config, const char* error) {
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << error;
  EXPECT_THAT(std::string(config.status().message()), HasSubstr(error));
}

TEST(LmConfigTest, ReadsThePublishedLayout) {
  const auto config = ParseLmConfig(LmYaml());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->dim, 64);
  EXPECT_EQ(config->num_heads, 2);
  EXPECT_EQ(config->num_layers, 2);
  EXPECT_EQ(config->hidden_scale, 1);
  EXPECT_EQ(config->ffn(), 64);
  EXPECT_EQ(config->codebooks, 4);
  EXPECT_EQ(config->card, 64);
  EXPECT_EQ(config->cfg_coef, 3.0f);
  EXPECT_EQ(config->sample_rate, 32000);
}

TEST(LmConfigTest, NamesWhatIsMissing) {
  const std::string yaml = LmYaml();
  for (const auto& [line, key] : std::vector<std::pair<const char*, const char*>>{
           {"  dim: 64\n", "transformer_lm.dim"},
           {"  num_heads: 2\n", "transformer_lm.num_heads"},
           {"  num_layers: 2\n", "transformer_lm.num_layers"},
           {"  hidden_scale: 1\n", "transformer_lm.hidden_scale"},
           {"  n_q: 4\n", "transformer_lm.n_q"},
           {"  card: 64\n", "transformer_lm.card"},
           {"  activation: gelu\n", "transformer_lm.activation"},
           {"  norm_first: true\n", "transformer_lm.norm_first"},
           {"  bias_ff: false\n", "transformer_lm.bias_ff"},
           {"  bias_attn: false\n", "transformer_lm.bias_attn"},
           {"  bias_proj: false\n", "transformer_lm.bias_proj"},
           {"  causal: true\n", "transformer_lm.causal"},
           {"sample_rate: 32000\n", "sample_rate"},
           {"channels: 1\n", "channels"},
           {"  modeling: delay\n", "codebooks_pattern.modeling"},
           {"    delays:\n    - 0\n    - 1\n    - 2\n    - 3\n", "codebooks_pattern.delay.delays"},
           {"  inference_coef: 3.0\n", "classifier_free_guidance.inference_coef"},
           {"  cross:\n  - description\n", "fuser.cross"},
           {"  visual_encoder: clip\n", "video.visual_encoder"},
       }) {
    ExpectError(ParseLmConfig(With(yaml, line, "")),
                absl::StrCat("'", key, "' is missing").c_str());
  }
}

// Sums of so many products of bytes fit into 32 bits.
TEST(LmConfigTest, BoundsTheInputsOfALayer) {
  const auto config = [](const char* hidden_scale) {
    const std::string wide = With(LmYaml(), "  dim: 64\n", "  dim: 16384\n");
    return ParseLmConfig(
        With(wide, "  hidden_scale: 1\n", absl::StrCat("  hidden_scale: ", hidden_scale, "\n")));
  };
  EXPECT_TRUE(config("8").ok());
  ExpectError(config("9"), "makes 147456 inputs of a layer, more than 131072");
}

TEST(LmConfigTest, NamesWhatIsNotSupported) {
  const std::string yaml = LmYaml();
  for (const Change& c : {
           Change{"\nchannels: 1", "\nchannels: 2", "'channels' is 2, only 1 is supported"},
           Change{"lm_model: transformer_lm", "lm_model: mamba", "'lm_model' is mamba"},
           Change{"positional_embedding: sin", "positional_embedding: rope",
                  "'transformer_lm.positional_embedding' is rope, only sin is supported"},
           Change{"  xpos: false", "  rope: true", "'transformer_lm.rope' is true"},
           Change{"  xpos: false", "  xpos: true", "'transformer_lm.xpos' is true"},
           Change{"qk_layer_norm: false", "qk_layer_norm: true",
                  "'transformer_lm.qk_layer_norm' is true"},
           Change{"qk_layer_norm_cross: false", "qk_layer_norm_cross: true",
                  "'transformer_lm.qk_layer_norm_cross' is true"},
           Change{"bias_ff: false", "bias_ff: true", "'transformer_lm.bias_ff' is true"},
           Change{"bias_attn: false", "bias_attn: true", "'transformer_lm.bias_attn' is true"},
           Change{"bias_proj: false", "bias_proj: yes", "'transformer_lm.bias_proj' is yes"},
           Change{"norm_first: true", "norm_first: false", "'transformer_lm.norm_first' is false"},
           Change{"causal: true", "causal: false", "'transformer_lm.causal' is false"},
           Change{"activation: gelu", "activation: relu", "'transformer_lm.activation' is relu"},
           Change{"norm: layer_norm", "norm: rms", "'transformer_lm.norm' is rms"},
           Change{"past_context: null", "past_context: 100",
                  "'transformer_lm.past_context' is 100"},
           Change{"layer_scale: null", "layer_scale: 0.1", "'transformer_lm.layer_scale' is 0.1"},
           Change{"kv_repeat: 1", "kv_repeat: 2", "'transformer_lm.kv_repeat' is 2"},
           Change{"emb_lr: null", "max_period: 500", "'transformer_lm.max_period' is 500"},
           Change{"modeling: delay", "modeling: parallel",
                  "'codebooks_pattern.modeling' is parallel"},
           Change{
               "    - 2\n    - 3\n", "    - 2\n    - 2\n",
               "'codebooks_pattern.delay.delays' is [0, 1, 2, 2], only [0, 1, 2, 3] is supported"},
           Change{"    - 2\n    - 3\n", "    - 2\n", "delays' is [0, 1, 2], only [0, 1, 2, 3]"},
           Change{"    - 2\n    - 3\n", "    - two\n", "'codebooks_pattern.delay.delays' is two"},
           Change{"flatten_first: 0", "flatten_first: 1",
                  "'codebooks_pattern.delay.flatten_first' is 1"},
           Change{"empty_initial: 0", "empty_initial: 1",
                  "'codebooks_pattern.delay.empty_initial' is 1"},
           Change{"  - description", "  - chroma", "'fuser.cross' is [chroma], only [description]"},
           Change{"  - description", "  - description\n  - chroma", "'fuser.cross' is a list"},
           Change{"sum: []", "sum: [description]", "'fuser.sum' is [description], only []"},
           Change{"prepend: []", "prepend: [description]", "'fuser.prepend' is [description]"},
           Change{"cross_attention_pos_emb: false", "cross_attention_pos_emb: true",
                  "'fuser.cross_attention_pos_emb' is true"},
           Change{"visual_encoder: clip", "visual_encoder: videomae",
                  "'video.visual_encoder' is videomae"},
           Change{"video_fps: 2", "video_fps: 4", "'video.video_fps' is 4"},
           Change{"if_add_gobal: true", "if_add_gobal: false",
                  "'video.add_global.if_add_gobal' is false"},
       }) {
    ExpectError(ParseLmConfig(With(yaml, c.from, c.to)), c.error);
  }
}

TEST(LmConfigTest, NamesWhatIsOutOfRange) {
  const std::string yaml = LmYaml();
  for (const Change& c : {
           Change{"  dim: 64", "  dim: -64",
                  "'transformer_lm.dim' is -64, expected a number from 4 to 16384"},
           Change{"  dim: 64", "  dim: 99999999999", "'transformer_lm.dim' is 99999999999"},
           Change{"  dim: 64", "  dim: 64.5", "'transformer_lm.dim' is 64.5"},
           Change{"  dim: 64", "  dim: wide", "'transformer_lm.dim' is wide"},
           Change{"  dim: 64", "  dim: null", "'transformer_lm.dim' is null"},
           Change{"  dim: 64", "  dim: [64]", "'transformer_lm.dim' is [64]"},
           Change{"  dim: 64", "  dim: {a: b}", "'transformer_lm.dim' is a map"},
           Change{"num_heads: 2", "num_heads: 3",
                  "'transformer_lm.dim' is 64, expected an even number that"},
           Change{"num_heads: 2", "num_heads: 0", "'transformer_lm.num_heads' is 0"},
           Change{"num_layers: 2", "num_layers: 1000", "'transformer_lm.num_layers' is 1000"},
           Change{"card: 64", "card: 65536", "'transformer_lm.card' is 65536"},
           Change{"inference_coef: 3.0", "inference_coef: .nan", "inference_coef' is .nan"},
           Change{"sample_rate: 32000", "sample_rate: 1", "'sample_rate' is 1"},
       }) {
    ExpectError(ParseLmConfig(With(yaml, c.from, c.to)), c.error);
  }
}

TEST(LmConfigTest, IgnoresWhatInferenceDoesNotUse) {
  std::string yaml = With(LmYaml(), "memory_efficient: true", "memory_efficient: false");
  yaml = With(yaml, "  custom: false", "  custom: true");
  yaml = With(yaml, "  dropout: 0.0\n", "  some_new_option: 5\n");
  yaml = With(yaml, "  - description", "  - \"description\"");
  EXPECT_TRUE(ParseLmConfig(yaml + "\nother: [1, {a: b}]\n").ok());
}

TEST(ConfigTest, FollowsInterpolations) {
  const std::string yaml = With(LmYaml(), "  card: 64", "  card: ${sizes.card}");
  EXPECT_EQ(ParseLmConfig(yaml + "sizes:\n  card: ${sizes.other}\n  other: 77\n")->card, 77);
  ExpectError(ParseLmConfig(yaml), "'transformer_lm.card' is missing");
  ExpectError(ParseLmConfig(yaml + "sizes:\n  card: ${sizes.card}\n"),
              "'transformer_lm.card' is missing");
}

TEST(ConfigTest, BadTextIsAnError) {
  ExpectError(ParseLmConfig(""), "not a map");
  ExpectError(ParseLmConfig("just text"), "not a map");
  ExpectError(ParseLmConfig("a: [1, 2"), "configuration is not valid");
  ExpectError(ParseLmConfig("a: *nowhere"), "configuration is not valid");
  ExpectError(ParseLmConfig(std::string("\0\xff", 2)), "configuration");
  ExpectError(ParseLmConfig(std::string(300000, 'a')), "is longer than 262144");
  ExpectError(ParseLmConfig(std::string(100000, '[')), "configuration is not valid");
  ExpectError(ParseLmConfig("transformer_lm: &a {b: *a}"), "configuration");
  ExpectError(
      ParseLmConfig("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\ntransformer_lm: [*c, *c]"),
      "'channels' is missing");
}

TEST(AudiocraftCodecConfigTest, ReadsThePublishedLayout) {
  const auto config = ParseAudiocraftCodecConfig(CodecYaml());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->sample_rate, 32000);
  EXPECT_EQ(config->dimension, 16);
  EXPECT_EQ(config->n_filters, 4);
  EXPECT_EQ(config->codebooks, 4);
  EXPECT_EQ(config->bins, 64);
  EXPECT_THAT(config->ratios, ElementsAre(8, 5, 4, 4));
  EXPECT_EQ(config->samples_per_frame(), 640);
  EXPECT_EQ(config->kernel_size, 7);
  EXPECT_EQ(config->last_kernel_size, 7);
  EXPECT_EQ(config->residual_kernel_size, 3);
  EXPECT_EQ(config->lstm_layers, 2);
  EXPECT_EQ(config->compress, 2);
  EXPECT_FALSE(config->reflect_padding);
  EXPECT_EQ(config->elu_alpha, 1.0f);
  EXPECT_TRUE(
      ParseAudiocraftCodecConfig(With(CodecYaml(), "pad_mode: constant", "pad_mode: reflect"))
          ->reflect_padding);
}

TEST(AudiocraftCodecConfigTest, TheDecodersOwnOptionsComeFirst) {
  const std::string yaml =
      With(CodecYaml(), "  decoder:\n", "  decoder:\n    n_filters: 8\n    lstm: 1\n");
  const auto config = ParseAudiocraftCodecConfig(yaml);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->n_filters, 8);
  EXPECT_EQ(config->lstm_layers, 1);
}

TEST(AudiocraftCodecConfigTest, FollowsInterpolations) {
  // As the training configuration writes them.
  std::string yaml =
      With(CodecYaml(), "seanet:\n  dimension: 16\n  channels: 1\n  causal: false",
           "seanet:\n  dimension: 16\n  channels: ${channels}\n  causal: ${encodec.causal}");
  EXPECT_TRUE(ParseAudiocraftCodecConfig(yaml).ok());
  yaml = With(yaml, "  channels: 1\n  causal: false", "  channels: 1\n  causal: true");
  ExpectError(ParseAudiocraftCodecConfig(yaml), "'encodec.causal' is true");
}

TEST(AudiocraftCodecConfigTest, NamesWhatIsWrong) {
  const std::string yaml = CodecYaml();
  for (const Change& c : {
           Change{"compression_model: encodec", "compression_model: dac",
                  "'compression_model' is dac"},
           Change{"autoencoder: seanet", "autoencoder: x", "'encodec.autoencoder' is x"},
           Change{"quantizer: rvq", "quantizer: no_quant", "'encodec.quantizer' is no_quant"},
           Change{"renormalize: false", "renormalize: true", "'encodec.renormalize' is true"},
           Change{"  causal: false\n  n_filters", "  causal: true\n  n_filters",
                  "'seanet.causal' is true"},
           Change{"  channels: 1\n  causal: false\n  n_filters", "  channels: 2\n  n_filters",
                  "'seanet.channels' is 2"},
           Change{"activation: ELU", "activation: Snake", "'seanet.activation' is Snake"},
           Change{"norm: weight_norm", "norm: none", "'seanet.norm' is none, only weight_norm"},
           Change{"true_skip: true", "true_skip: false", "'seanet.true_skip' is false"},
           Change{"disable_norm_outer_blocks: 0", "disable_norm_outer_blocks: 1",
                  "'seanet.disable_norm_outer_blocks' is 1"},
           Change{"final_activation: null", "final_activation: Tanh",
                  "'seanet.decoder.final_activation' is Tanh"},
           Change{"pad_mode: constant", "pad_mode: circular", "'seanet.pad_mode' is circular"},
           Change{"n_residual_layers: 1", "n_residual_layers: 3",
                  "'seanet.n_residual_layers' is 3"},
           Change{"\n  kernel_size: 7", "\n  kernel_size: 6",
                  "a kernel size is 6, expected an odd number"},
           Change{"  ratios:\n  - 8\n  - 5\n  - 4\n  - 4\n", "  ratios: []\n",
                  "'seanet.ratios' has 0 items"},
           Change{"  - 8\n", "  - 0\n", "'seanet.ratios' is 0"},
           Change{"  - 8\n", "  - 64\n  - 64\n  - 64\n  - 64\n",
                  "'seanet.ratios' makes frames of 1342177280 "},
           Change{"n_filters: 4", "n_filters: 3", "'seanet.n_filters' is 3, which"},
           Change{"  n_q: 4", "  n_q: 0", "'rvq.n_q' is 0"},
           Change{"  bins: 64\n", "", "'rvq.bins' is missing"},
           Change{"lstm: 2", "lstm: -1", "'seanet.lstm' is -1"},
       }) {
    ExpectError(ParseAudiocraftCodecConfig(With(yaml, c.from, c.to)), c.error);
  }
}

TEST(HuggingFaceCodecConfigTest, ReadsTheGoldenOne) {
  const auto config = ParseHuggingFaceCodecConfig(HuggingFaceJson());
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->sample_rate, 32000);
  EXPECT_EQ(config->dimension, 16);
  EXPECT_EQ(config->n_filters, 4);
  EXPECT_EQ(config->codebooks, 4);
  EXPECT_EQ(config->bins, 64);
  EXPECT_THAT(config->ratios, ElementsAre(8, 5, 4, 4));
  EXPECT_TRUE(config->reflect_padding);
}

TEST(HuggingFaceCodecConfigTest, CountsCodebooks) {
  const auto codebooks = [](const char* bins, const char* bandwidths) {
    std::string json =
        With(HuggingFaceJson(), "\"codebook_size\": 64", absl::StrCat("\"codebook_size\": ", bins));
    json = With(json, "2.2", bandwidths);
    const auto config = ParseHuggingFaceCodecConfig(json);
    EXPECT_TRUE(config.ok()) << config.status();
    return config.ok() ? config->codebooks : -1;
  };
  EXPECT_EQ(codebooks("2048", "2.2"), 4);  // facebook/encodec_32khz: 2200 / (50 * 11)
  EXPECT_EQ(codebooks("1024", "1.5, 3, 6.0"), 12);
  ExpectError(ParseHuggingFaceCodecConfig(With(HuggingFaceJson(), "2.2", "0.1")),
              "makes 0 codebooks");
  ExpectError(ParseHuggingFaceCodecConfig(With(HuggingFaceJson(), "2.2", "")),
              "'target_bandwidths' is empty");
}

TEST(HuggingFaceCodecConfigTest, NamesWhatIsWrong) {
  const std::string json = HuggingFaceJson();
  for (const Change& c : {
           Change{"\"model_type\": \"encodec\"", "\"model_type\": \"dac\"", "'model_type' is dac"},
           Change{"\"audio_channels\": 1", "\"audio_channels\": 2", "'audio_channels' is 2"},
           Change{"\"normalize\": false", "\"normalize\": true", "'normalize' is true"},
           Change{"\"weight_norm\"", "\"time_group_norm\"", "'norm_type' is time_group_norm"},
           Change{"\"use_causal_conv\": false", "\"use_causal_conv\": true",
                  "'use_causal_conv' is true"},
           Change{"\"use_conv_shortcut\": false", "\"use_conv_shortcut\": true",
                  "'use_conv_shortcut' is true"},
           Change{"\"codebook_dim\": 16", "\"codebook_dim\": 8", "'codebook_dim' is 8, only 16"},
           Change{"\"num_filters\": 4,", "", "'num_filters' is missing"},
           Change{"\"reflect\"", "\"replicate\"", "'pad_mode' is replicate"},
       }) {
    ExpectError(ParseHuggingFaceCodecConfig(With(json, c.from, c.to)), c.error);
  }
  ExpectError(ParseHuggingFaceCodecConfig("{"),
              "codec's configuration: the configuration is not valid");
}

}  // namespace
}  // namespace vidmuse
