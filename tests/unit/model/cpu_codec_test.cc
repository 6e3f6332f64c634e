// The codec against a plain double-precision decoder of whole streams, and streams cut in every
// way.
#include <algorithm>
#include <barrier>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/model/checkpoint/codec_source.h"
#include "core/model/cpu/codec.h"
#include "core/model/cpu/kernels/kernel_choice.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/model/memory_tensor_file.h"

namespace vidmuse::cpu {
namespace {

using testing::HasSubstr;

constexpr int kSamplesPerFrame = 640;
constexpr int kLookahead = 2402;

CodecConfig Config(bool reflect) {
  CodecConfig config;
  config.dimension = 5;
  config.n_filters = 2;
  config.bins = 16;
  config.reflect_padding = reflect;
  config.elu_alpha = 0.8f;
  return config;
}

MemoryTensorFile RandomWeights(const CodecConfig& config) {
  MemoryTensorFile file;
  const auto conv = [&](const std::string& name, int rows, int columns, int kernel, int out) {
    file.Add(name + ".weight_g", {rows, 1, 1}, 0.3f, 1.0f);
    file.Add(name + ".weight_v", {rows, columns, kernel}, 1.0f);
    file.Add(name + ".bias", {out}, 0.1f);
  };
  for (int k = 0; k < config.codebooks; ++k) {
    file.Add(absl::StrCat("quantizer.vq.layers.", k, "._codebook.embed"),
             {config.bins, config.dimension}, 1.0f);
  }
  int channels = config.n_filters << config.ratios.size();
  conv("decoder.model.0.conv.conv", channels, config.dimension, 7, channels);
  for (int i = 0; i < config.lstm_layers; ++i) {
    file.Add(absl::StrCat("decoder.model.1.lstm.weight_ih_l", i), {4 * channels, channels}, 0.3f);
    file.Add(absl::StrCat("decoder.model.1.lstm.weight_hh_l", i), {4 * channels, channels}, 0.3f);
    file.Add(absl::StrCat("decoder.model.1.lstm.bias_ih_l", i), {4 * channels}, 0.2f);
    file.Add(absl::StrCat("decoder.model.1.lstm.bias_hh_l", i), {4 * channels}, 0.2f);
  }
  int position = 3;
  for (const int ratio : config.ratios) {
    conv(absl::StrCat("decoder.model.", position, ".convtr.convtr"), channels, channels / 2,
         2 * ratio, channels / 2);
    channels /= 2;
    const std::string block = absl::StrCat("decoder.model.", position + 1, ".block.");
    conv(block + "1.conv.conv", channels / 2, channels, 3, channels / 2);
    conv(block + "3.conv.conv", channels, channels / 2, 1, channels);
    position += 3;
  }
  conv(absl::StrCat("decoder.model.", position, ".conv.conv"), 1, channels, 7, 1);
  return file;
}

// SEANet's decoder as its paper and audiocraft's code state it: whole streams, in double precision.
class PlainDecoder {
 public:
  using Signal = std::vector<std::vector<double>>;  // [channels][time]

  PlainDecoder(const CodecConfig& config, const MemoryTensorFile& file)
      : config_(config), file_(file) {}

  std::vector<double> Decode(const std::vector<int32_t>& tokens) const {
    const int frames = static_cast<int>(tokens.size()) / config_.codebooks;
    Signal x(config_.dimension, std::vector<double>(frames));
    for (int t = 0; t < frames; ++t) {
      for (int k = 0; k < config_.codebooks; ++k) {
        const auto& embed =
            file_.values(absl::StrCat("quantizer.vq.layers.", k, "._codebook.embed"));
        for (int i = 0; i < config_.dimension; ++i) {
          x[i][t] += embed[tokens[t * config_.codebooks + k] * config_.dimension + i];
        }
      }
    }
    x = Convolve("decoder.model.0.conv.conv", 7, x);
    Signal y = x;
    for (int i = 0; i < config_.lstm_layers; ++i) y = Lstm(i, y);
    x = Sum(x, y);
    int position = 3;
    for (const int ratio : config_.ratios) {
      x = Upsample(absl::StrCat("decoder.model.", position, ".convtr.convtr"), ratio, Elu(x));
      const std::string block = absl::StrCat("decoder.model.", position + 1, ".block.");
      Signal hidden = Convolve(block + "1.conv.conv", 3, Elu(x));
      x = Sum(x, Convolve(block + "3.conv.conv", 1, Elu(hidden)));
      position += 3;
    }
    return Convolve(absl::StrCat("decoder.model.", position, ".conv.conv"), 7, Elu(x))[0];
  }

 private:
  static Signal Sum(Signal a, const Signal& b) {
    for (size_t c = 0; c < a.size(); ++c) {
      for (size_t t = 0; t < a[c].size(); ++t) a[c][t] += b[c][t];
    }
    return a;
  }

  Signal Elu(Signal x) const {
    for (auto& channel : x) {
      for (double& value : channel)
        value = value > 0 ? value : config_.elu_alpha * std::expm1(value);
    }
    return x;
  }

  // [rows][rest], each row scaled to length g.
  std::vector<double> Weight(const std::string& name) const {
    const auto& g = file_.values(name + ".weight_g");
    const auto& v = file_.values(name + ".weight_v");
    const size_t width = v.size() / g.size();
    std::vector<double> weight(v.size());
    for (size_t r = 0; r < g.size(); ++r) {
      double squares = 0;
      for (size_t i = 0; i < width; ++i) squares += double{v[r * width + i]} * v[r * width + i];
      for (size_t i = 0; i < width; ++i) {
        weight[r * width + i] = v[r * width + i] * g[r] / std::sqrt(squares);
      }
    }
    return weight;
  }

  // audiocraft's pad1d: streams no longer than the padding get zeros at the end first, which are
  // cut again.
  std::vector<double> Pad(std::vector<double> x, int pad) const {
    std::vector<double> out;
    if (!config_.reflect_padding) {
      out.assign(pad, 0);
      out.insert(out.end(), x.begin(), x.end());
      out.insert(out.end(), pad, 0);
      return out;
    }
    const int extra = std::max(0, pad - static_cast<int>(x.size()) + 1);
    x.resize(x.size() + extra, 0);
    for (int i = pad; i > 0; --i) out.push_back(x[i]);
    out.insert(out.end(), x.begin(), x.end());
    for (int i = 0; i < pad; ++i) out.push_back(x[x.size() - 2 - i]);
    out.resize(out.size() - extra);
    return out;
  }

  Signal Convolve(const std::string& name, int kernel, const Signal& x) const {
    const std::vector<double> weight = Weight(name);
    const auto& bias = file_.values(name + ".bias");
    const size_t in = x.size(), length = x[0].size();
    Signal padded;
    for (const auto& channel : x) padded.push_back(Pad(channel, (kernel - 1) / 2));
    Signal y(bias.size());
    for (size_t o = 0; o < bias.size(); ++o) {
      for (size_t t = 0; t < length; ++t) {
        double sum = bias[o];
        for (size_t i = 0; i < in; ++i) {
          for (int k = 0; k < kernel; ++k)
            sum += weight[(o * in + i) * kernel + k] * padded[i][t + k];
        }
        y[o].push_back(sum);
      }
    }
    return y;
  }

  Signal Upsample(const std::string& name, int stride, const Signal& x) const {
    const std::vector<double> weight = Weight(name);
    const auto& bias = file_.values(name + ".bias");
    const size_t out = bias.size(), length = x[0].size();
    const int trim_right = stride / 2, trim_left = stride - trim_right;
    Signal y(out);
    for (size_t o = 0; o < out; ++o) {
      std::vector<double> full((length + 1) * stride, bias[o]);
      for (size_t i = 0; i < x.size(); ++i) {
        for (size_t t = 0; t < length; ++t) {
          for (int k = 0; k < 2 * stride; ++k) {
            full[t * stride + k] += x[i][t] * weight[(i * out + o) * 2 * stride + k];
          }
        }
      }
      y[o].assign(full.begin() + trim_left, full.end() - trim_right);
    }
    return y;
  }

  Signal Lstm(int layer, const Signal& x) const {
    const auto tensor = [&](const char* part) -> const std::vector<float>& {
      return file_.values(absl::StrCat("decoder.model.1.lstm.", part, "_l", layer));
    };
    const int n = static_cast<int>(x.size());
    const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
    std::vector<double> h(n), c(n);
    Signal y(n);
    for (size_t t = 0; t < x[0].size(); ++t) {
      std::vector<double> gates(4 * n);
      for (int g = 0; g < 4 * n; ++g) {
        gates[g] = double{tensor("bias_ih")[g]} + tensor("bias_hh")[g];
        for (int i = 0; i < n; ++i) {
          gates[g] +=
              tensor("weight_ih")[g * n + i] * x[i][t] + tensor("weight_hh")[g * n + i] * h[i];
        }
      }
      for (int i = 0; i < n; ++i) {
        c[i] = sigmoid(gates[n + i]) * c[i] + sigmoid(gates[i]) * std::tanh(gates[2 * n + i]);
        h[i] = sigmoid(gates[3 * n + i]) * std::tanh(c[i]);
        y[i].push_back(h[i]);
      }
    }
    return y;
  }

  const CodecConfig& config_;
  const MemoryTensorFile& file_;
};

struct Case {
  bool reflect;
  Precision precision;
  double error;  // the largest difference from double precision; samples are up to about 1
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << (c.reflect ? "reflect" : "constant") << "_" << PrecisionName(c.precision);
}

class CodecTest : public testing::TestWithParam<Case> {
 protected:
  CodecTest() : config_(Config(GetParam().reflect)), file_(RandomWeights(config_)) {
    codec_ = Load(**CpuKernels());
  }

  std::shared_ptr<const Codec> Load(const Kernels& kernels) const {
    WeightReader reader(&file_, "");
    auto codec =
        Codec::Load(config_, CodecNames::kAudiocraft, reader, kernels, GetParam().precision);
    EXPECT_TRUE(codec.ok()) << codec.status();
    EXPECT_TRUE(reader.CheckAllUsed({}).ok());
    return *std::move(codec);
  }

  std::vector<int32_t> Tokens(int frames) const {
    std::mt19937 generator(frames);
    std::vector<int32_t> tokens(frames * config_.codebooks);
    for (int32_t& token : tokens) token = static_cast<int32_t>(generator() % config_.bins);
    return tokens;
  }

  // Pushes pieces of the given sizes and what is left, looking at how many samples are out after
  // each.
  std::vector<float> Stream(const std::vector<int32_t>& tokens,
                            const std::vector<int>& pieces) const {
    CodecStream stream(codec_);
    std::vector<float> samples;
    absl::Span<const int32_t> rest(tokens);
    int frames = 0;
    for (const int piece : pieces) {
      EXPECT_TRUE(stream.Push(rest.first(piece * config_.codebooks), false, &samples).ok());
      rest.remove_prefix(piece * config_.codebooks);
      frames += piece;
      const int final = std::max(0, kSamplesPerFrame * frames - kLookahead);
      if (!config_.reflect_padding || frames >= 5) {
        EXPECT_EQ(samples.size(), final) << "after " << frames << " frames";
      } else {
        EXPECT_LE(samples.size(), final) << "after " << frames << " frames";
      }
    }
    EXPECT_TRUE(stream.Push(rest, true, &samples).ok());
    return samples;
  }

  const CodecConfig config_;
  const MemoryTensorFile file_;
  std::shared_ptr<const Codec> codec_;
};

INSTANTIATE_TEST_SUITE_P(Codecs, CodecTest,
                         testing::Values(Case{false, Precision::kFp32, 1e-5},
                                         Case{true, Precision::kFp32, 1e-5},
                                         Case{false, Precision::kInt8, 0.02},
                                         Case{true, Precision::kInt8, 0.02}),
                         [](const auto& info) { return testing::PrintToString(info.param); });

TEST_P(CodecTest, IsSeanetsDecoder) {
  for (const int frames : {1, 2, 3, 4, 5, 6, 7, 20}) {
    const std::vector<int32_t> tokens = Tokens(frames);
    const std::vector<float> samples = Stream(tokens, {});
    const std::vector<double> expected = PlainDecoder(config_, file_).Decode(tokens);
    ASSERT_EQ(samples.size(), static_cast<size_t>(frames) * kSamplesPerFrame);
    ASSERT_EQ(samples.size(), expected.size());
    double worst = 0;
    for (size_t i = 0; i < samples.size(); ++i)
      worst = std::max(worst, std::abs(samples[i] - expected[i]));
    EXPECT_LT(worst, GetParam().error) << frames << " frames";
  }
}

TEST_P(CodecTest, EveryWayToCutAStreamGivesTheSameSamples) {
  const int frames = 9;
  const std::vector<int32_t> tokens = Tokens(frames);
  const std::vector<float> whole = Stream(tokens, {});
  for (int cuts = 0; cuts < 1 << frames;
       ++cuts) {  // bit i: a cut after frame i; the last is an empty push
    std::vector<int> pieces;
    int begin = 0;
    for (int i = 0; i < frames; ++i) {
      if (cuts >> i & 1) {
        pieces.push_back(i + 1 - begin);
        begin = i + 1;
      }
    }
    const std::vector<float> samples = Stream(tokens, pieces);
    ASSERT_EQ(samples.size(), whole.size());
    ASSERT_EQ(std::memcmp(samples.data(), whole.data(), whole.size() * sizeof(float)), 0)
        << "cuts " << cuts;
  }
}

TEST_P(CodecTest, LongPushesEqualShortOnes) {
  const std::vector<int32_t> tokens = Tokens(230);
  const std::vector<float> whole = Stream(tokens, {});
  EXPECT_EQ(whole, Stream(tokens, std::vector<int>(23, 10)));
  EXPECT_EQ(whole, Stream(tokens, {1, 0, 99, 100, 7}));
  EXPECT_EQ(whole, Stream(tokens, {50, 50, 50, 50}));
}

TEST_P(CodecTest, ShortStreamsMayComeInPieces) {
  for (int frames = 1; frames <= 4; ++frames) {
    const std::vector<int32_t> tokens = Tokens(frames);
    EXPECT_EQ(Stream(tokens, {}), Stream(tokens, std::vector<int>(frames, 1)));
  }
}

TEST_P(CodecTest, AStreamOfNothingIsSilentAndShort) {
  EXPECT_TRUE(Stream({}, {}).empty());
  EXPECT_TRUE(Stream({}, {0, 0}).empty());
}

TEST_P(CodecTest, AllInstructionSetsAgree) {
  const std::vector<int32_t> tokens = Tokens(20);
  const std::vector<float> expected = Stream(tokens, {});
  int count = 0;
  const Kernels* const* all = AvailableKernels(&count);
  std::vector<float> fused;
  for (int i = 0; i < count; ++i) {
    std::vector<float> samples;
    ASSERT_TRUE(CodecStream(Load(*all[i])).Push(tokens, true, &samples).ok());
    const auto error = static_cast<float>(GetParam().error);
    EXPECT_THAT(samples, testing::Pointwise(testing::FloatNear(error), expected)) << all[i]->name;
    if (!all[i]->fused) continue;
    if (fused.empty()) fused = samples;
    EXPECT_EQ(samples, fused) << all[i]->name << ": not the same bits";
  }
}

// More streams than take their LSTM steps side by side, of different lengths and in pieces of
// different sizes.
TEST_P(CodecTest, StreamsInCompanyEqualStreamsAlone) {
  constexpr int kStreams = 2 * LstmLayer::kTogether + 3;
  std::vector<std::vector<float>> samples(kStreams);
  std::barrier start(kStreams);
  std::vector<std::thread> threads;
  for (int i = 0; i < kStreams; ++i) {
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      samples[i] = Stream(Tokens(60 + i), {10 + i, 1, 20, 7});
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < kStreams; ++i) EXPECT_EQ(samples[i], Stream(Tokens(60 + i), {})) << i;
}

TEST_P(CodecTest, RefusesBadTokensAndGoesOn) {
  CodecStream stream(codec_);
  std::vector<float> samples;
  EXPECT_THAT(stream.Push({0, 1, 16, 3}, false, &samples).message(), HasSubstr("token 16"));
  EXPECT_THAT(stream.Push({0, -1, 2, 3}, false, &samples).message(), HasSubstr("token -1"));
  EXPECT_EQ(stream.Push({0, 1, 2}, false, &samples).code(), absl::StatusCode::kInvalidArgument);
  const std::vector<int32_t> tokens = Tokens(6);
  ASSERT_TRUE(stream.Push(tokens, true, &samples).ok());
  EXPECT_EQ(samples, Stream(tokens, {}));
  EXPECT_EQ(stream.Push(tokens, false, &samples).code(), absl::StatusCode::kFailedPrecondition);
}

// A trained codec, whose weights are less even than random ones.
TEST(CodecPrecisionTest, Int8IsNearFloat32) {
  std::vector<std::vector<float>> samples;
  for (const Precision precision : {Precision::kFp32, Precision::kInt8}) {
    auto source = OpenCodec(VIDMUSE_TEST_DATA "/demo", "");
    ASSERT_TRUE(source.ok()) << source.status();
    WeightReader reader(source->file.get(), source->prefix);
    const auto codec =
        Codec::Load(source->config, source->names, reader, **CpuKernels(), precision);
    ASSERT_TRUE(codec.ok()) << codec.status();
    std::mt19937 generator(7);
    std::vector<int32_t> tokens(100 * source->config.codebooks);
    for (int32_t& token : tokens) {
      token = static_cast<int32_t>(generator() % source->config.bins);
    }
    ASSERT_TRUE(CodecStream(*codec).Push(tokens, true, &samples.emplace_back()).ok());
  }
  double signal = 0, noise = 0;
  for (size_t i = 0; i < samples[0].size(); ++i) {
    signal += double{samples[0][i]} * samples[0][i];
    noise += std::pow(double{samples[0][i]} - samples[1][i], 2);
  }
  const double decibels = 10 * std::log10(signal / noise);
  std::printf("int8: noise is %.1f dB below the signal\n", decibels);
  EXPECT_GT(decibels, 30);
  EXPECT_GT(noise, 0);  // it is another precision
}

TEST(CodecLoadTest, NamesWhatIsWrong) {
  const CodecConfig config = Config(false);
  const auto load = [&](const MemoryTensorFile& file) {
    WeightReader reader(&file, "");
    return Codec::Load(config, CodecNames::kAudiocraft, reader, **CpuKernels()).status();
  };
  MemoryTensorFile file = RandomWeights(config);
  std::fill_n(file.values("decoder.model.0.conv.conv.weight_v").begin() + 35, 35, 0.0f);
  EXPECT_THAT(load(file).message(), HasSubstr("'decoder.model.0.conv.conv.weight_v': row 1"));
  file = RandomWeights(config);
  file.Remove("decoder.model.1.lstm.bias_hh_l1");
  EXPECT_EQ(load(file).code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(load(file).message(), HasSubstr("decoder.model.1.lstm.bias_hh_l1"));
}

}  // namespace
}  // namespace vidmuse::cpu
