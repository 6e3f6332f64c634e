// Whole runs: they learn, they go on where they were cut, and what they export is what the server
// runs.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "core/base/cancel.h"
#include "core/model/architecture/conditioner_tensors.h"
#include "core/model/checkpoint/torch_file_writer.h"
#include "core/model/load_model.h"
#include "core/model/synthetic/hash_values.h"
#include "core/model/synthetic/layout.h"
#include "core/train/clip_source.h"
#include "core/train/codec_network.h"
#include "core/train/model_files.h"
#include "core/train/token_network.h"
#include "core/train/train_codec.h"
#include "core/train/train_tokens.h"
#include "core/train/training_run.h"
#include "tests/unit/train/train_test_util.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse::train {
namespace {

TrainingOptions Options(const std::string& name, const std::string& folder, int64_t steps) {
  TrainingOptions options;
  options.name = name;
  options.work_dir = folder;
  options.steps = steps;
  options.warmup_steps = 2;
  options.learning_rate = 3e-3;
  options.checkpoint_steps = 4;
  return options;
}

CodecTrainingOptions SmallCodecTraining() {
  CodecTrainingOptions options;
  options.batch = 2;
  options.crop_frames = 10;
  options.free_steps = 4;
  return options;
}

TokenTrainingOptions SmallTokenTraining() {
  TokenTrainingOptions options;
  options.batch = 2;
  options.local_frames = 1;
  options.global_frames = 1;
  options.hidden_history = 0;
  return options;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<double> Losses(const std::string& csv) {
  std::vector<double> losses;
  std::ifstream file(csv);
  std::string row;
  std::getline(file, row);
  while (std::getline(file, row)) losses.push_back(std::stod(row.substr(row.find(',') + 1)));
  return losses;
}

void ExpectSame(const Parameters& a, const Parameters& b) {
  ASSERT_EQ(a.entries().size(), b.entries().size());
  for (const Parameters::Entry& entry : a.entries()) {
    EXPECT_TRUE(at::equal(entry.tensor, b[entry.name])) << entry.name;
  }
}

class TrainingTest : public testing::Test {
 protected:
  TrainingTest() : clips_(SyntheticClips(0, 2, 1)) { at::set_num_threads(1); }

  // Steps up to `steps` of a schedule of `all`: a run that is cut there.
  absl::Status TrainCodecTo(int64_t steps, int64_t all, const std::string& folder,
                            std::unique_ptr<TrainingRun>* run) {
    const CodecModel model = *NewCodec(SmallSizes(), 1);
    TrainingOptions options = Options("codec", folder, all);
    options.stop_after = steps;
    auto opened = TrainingRun::Open(options, model.parameters);
    if (!opened.ok()) return opened.status();
    *run = *std::move(opened);
    return TrainCodec(model.config, SmallCodecTraining(), *clips_, **run);
  }

  const std::unique_ptr<ClipSource> clips_;
};

TEST_F(TrainingTest, TokenModelLearnsTwoClipsByHeart) {
  const std::string folder = FreshFolder();
  const CodecModel codec = *NewCodec(SmallSizes(), 1);
  const TokenModel model = *NewTokenModel(SmallSizes(), 1);
  const auto codes = EncodeClips(codec, *clips_, folder + "/codes.bin");
  ASSERT_TRUE(codes.ok()) << codes.status();
  TrainingOptions options = Options("tokens", folder, 120);
  options.learning_rate = 1e-2;
  const auto run = TrainingRun::Open(options, model.parameters);
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_TRUE(TrainTokens(model.config, SmallTokenTraining(), *codes, *clips_, **run).ok());
  const std::vector<double> losses = Losses(folder + "/tokens.csv");
  ASSERT_EQ(losses.size(), 120u);
  EXPECT_GT(losses.front(), 2.5);  // log(16) = 2.77
  EXPECT_LT(losses.back(), 0.5 * losses.front());
}

TEST_F(TrainingTest, CodecLearns) {
  const std::string folder = FreshFolder();
  std::unique_ptr<TrainingRun> run;
  ASSERT_TRUE(TrainCodecTo(60, 60, folder, &run).ok());
  const std::vector<double> losses = Losses(folder + "/codec.csv");
  EXPECT_LT(losses.back(), 0.8 * losses.front());
}

TEST_F(TrainingTest, ResumedEqualsUninterrupted) {
  const std::string whole = FreshFolder();
  std::unique_ptr<TrainingRun> a, b;
  ASSERT_TRUE(TrainCodecTo(10, 10, whole + "/whole", &a).ok());
  // Cut after step 6, when the codebooks are there already.
  ASSERT_TRUE(TrainCodecTo(6, 10, whole + "/cut", &b).ok());
  ASSERT_EQ(b->step(), 6);
  b.reset();
  ASSERT_TRUE(TrainCodecTo(10, 10, whole + "/cut", &b).ok());
  ASSERT_EQ(b->step(), 10);
  ExpectSame(a->parameters(), b->parameters());
  ExpectSame(a->average(), b->average());
  EXPECT_EQ(ReadFile(whole + "/whole/codec.csv"), ReadFile(whole + "/cut/codec.csv"));
}

TEST_F(TrainingTest, CheckpointOfAnotherModelIsAnError) {
  const std::string folder = FreshFolder();
  std::unique_ptr<TrainingRun> run;
  ASSERT_TRUE(TrainCodecTo(1, 1, folder, &run).ok());
  HashModelSizes sizes = SmallSizes();
  sizes.codec_filters = 4;
  const auto other = TrainingRun::Open(Options("codec", folder, 1), NewCodec(sizes, 1)->parameters);
  EXPECT_EQ(other.status().code(), absl::StatusCode::kInvalidArgument) << other.status();
}

TEST(ScheduleTest, WarmsUpAndFalls) {
  TrainingOptions options;
  options.steps = 100;
  options.warmup_steps = 10;
  options.learning_rate = 1;
  EXPECT_DOUBLE_EQ(ScheduledRate(options, 0), 0.1);
  EXPECT_DOUBLE_EQ(ScheduledRate(options, 9), 1);
  EXPECT_NEAR(ScheduledRate(options, 55), 0.51, 1e-9);
  EXPECT_NEAR(ScheduledRate(options, 99), 0.02, 0.001);
}

TEST(ClipsTest, AreAFunctionOfTheSeed) {
  const auto audio = SyntheticClips(7, 1, 2)->Audio(0);
  ASSERT_TRUE(audio.ok());
  ASSERT_EQ(audio->size(), 2u * 32000);
  EXPECT_EQ(*audio, *SyntheticClips(5, 4, 2)->Audio(2));
  EXPECT_NE(*audio, *SyntheticClips(8, 1, 2)->Audio(0));
  for (const float sample : *audio) ASSERT_LT(std::abs(sample), 1);
  const VideoFrames frames = SyntheticFrames(7, 2);
  EXPECT_EQ(frames.local.size(), 4u);
  EXPECT_EQ(frames.global.size(), 32u);
  std::vector<uint8_t> one(kFrameBytes);
  ASSERT_TRUE(SyntheticClips(7, 1, 2)->LocalFrames(0, {3}, one.data()).ok());
  EXPECT_EQ(one, frames.frames[frames.local[3]]);
}

// What the server's CPU model computes from the exported files is what the trainer computes.
class ExportTest : public testing::Test {
 protected:
  ExportTest()
      : folder_(FreshFolder()),
        codec_(*NewCodec(SmallSizes(), 1)),
        tokens_(*NewTokenModel(SmallSizes(), 1)) {
    RoundToHalf(codec_.parameters);
    RoundToHalf(tokens_.parameters);
  }

  static void RoundToHalf(const Parameters& parameters) {
    for (const Parameters::Entry& entry : parameters.entries()) {
      entry.tensor.copy_(entry.tensor.to(at::kHalf));
    }
  }

  std::unique_ptr<MusicModel> Load() {
    EXPECT_TRUE(WriteCodec(codec_, folder_).ok());
    EXPECT_TRUE(WriteTokenModel(tokens_, folder_).ok());
    ModelOptions options;
    options.model_dir = folder_;
    options.device = "cpu";
    options.precision = "fp32";
    auto model = LoadModel(options);
    EXPECT_TRUE(model.ok()) << model.status();
    return model.ok() ? *std::move(model) : nullptr;
  }

  const std::string folder_;
  CodecModel codec_;
  TokenModel tokens_;
};

TEST_F(ExportTest, SameLogits) {
  const std::unique_ptr<MusicModel> model = Load();
  ASSERT_NE(model, nullptr);
  const VideoFrames video = SyntheticFrames(3, 1);
  const CancelFlag never;
  const auto condition = model->EncodeVideo(video, never);
  ASSERT_TRUE(condition.ok()) << condition.status();
  constexpr int kSteps = 5;
  const auto window = model->OpenWindow(**condition, 0, 2, kSteps, never);
  ASSERT_TRUE(window.ok()) << window.status();
  const std::vector<int32_t> fed = {16, 16, 16, 16, 3, 16, 16, 16, 5, 7,
                                    16, 16, 0,  1,  2, 16, 9,  8,  7, 6};
  std::vector<float> logits(4 * 16);
  std::vector<int32_t> next(4);
  SamplingOptions sampling;
  sampling.greedy = true;
  sampling.cfg_coef = 1;  // the condition's own logits
  StepRequest request;
  request.window = window->get();
  request.tokens = fed;
  request.sampling = &sampling;
  request.next_tokens = next.data();
  request.logits = logits.data();
  ASSERT_TRUE(model->Step(absl::MakeSpan(&request, 1)).ok());

  c10::NoGradGuard no_grad;
  const auto frames = [&](const std::vector<int>& places) {
    at::Tensor all = at::empty({1, static_cast<int64_t>(places.size()), 3, 224, 224}, at::kByte);
    for (size_t i = 0; i < places.size(); ++i) {
      std::copy(video.frames[places[i]].begin(), video.frames[places[i]].end(),
                all.data_ptr<uint8_t>() + i * kFrameBytes);
    }
    return all;
  };
  const at::Tensor sequence = at::tensor(std::vector<int64_t>(fed.begin(), fed.end()), at::kLong)
                                  .view({1, kSteps, 4})
                                  .transpose(1, 2);
  const at::Tensor expected = TokenLogits(tokens_.config, tokens_.parameters, sequence,
                                          Condition(tokens_.config, tokens_.parameters,
                                                    frames(video.local), frames(video.global)))
                                  .select(2, kSteps - 1)
                                  .reshape(-1)
                                  .contiguous();
  for (int i = 0; i < expected.numel(); ++i) {
    ASSERT_NEAR(logits[i], expected.const_data_ptr<float>()[i], 1e-4) << i;
  }
}

TEST_F(ExportTest, SameAudio) {
  const std::unique_ptr<MusicModel> model = Load();
  ASSERT_NE(model, nullptr);
  constexpr int kFrames = 20;
  std::vector<int32_t> tokens;
  Random random(1, "tokens");
  for (int i = 0; i < 4 * kFrames; ++i) tokens.push_back(static_cast<int32_t>(random.Index(16)));
  const auto decoder = model->NewAudioDecoder();
  ASSERT_TRUE(decoder.ok());
  std::vector<float> samples;
  ASSERT_TRUE((*decoder)->Push(tokens, true, &samples).ok());

  c10::NoGradGuard no_grad;
  const at::Tensor codes = at::tensor(std::vector<int64_t>(tokens.begin(), tokens.end()), at::kLong)
                               .view({1, kFrames, 4})
                               .transpose(1, 2);
  const at::Tensor expected = DecodeLatents(codec_.config, codec_.parameters,
                                            LookUp(codec_.config, codec_.parameters, codes))
                                  .contiguous();
  ASSERT_EQ(static_cast<int64_t>(samples.size()), expected.numel());
  for (size_t i = 0; i < samples.size(); ++i) {
    ASSERT_NEAR(samples[i], expected.const_data_ptr<float>()[i], 1e-4) << i;
  }
}

// The names, shapes and types of the published files, but for what a text model left over there.
TEST_F(ExportTest, PublishedLayout) {
  ASSERT_NE(Load(), nullptr);
  const auto check = [&](const std::string& name, const std::vector<NamedShape>& layout) {
    const auto file = TensorFile::OpenTorch(folder_ + "/" + name);
    ASSERT_TRUE(file.ok()) << file.status();
    size_t found = 0;
    for (const NamedShape& tensor : layout) {
      if (IsUnreadProjection(tensor.name)) continue;
      const auto at = (*file)->tensors().find("best_state/" + tensor.name);
      ASSERT_NE(at, (*file)->tensors().end()) << tensor.name;
      EXPECT_EQ(at->second.shape, tensor.shape) << tensor.name;
      EXPECT_EQ(at->second.dtype, HashType(tensor)) << tensor.name;
      ++found;
    }
    EXPECT_EQ(found, (*file)->tensors().size());
    EXPECT_TRUE((*file)->strings().contains("xp.cfg"));
  };
  check("state_dict.bin", LmTensors(SmallSizes()));
  check("compression_state_dict.bin", CodecTensors(SmallSizes()));
}

// A model that was written is read to be trained on.
TEST_F(ExportTest, ReadsItsOwnFiles) {
  ASSERT_NE(Load(), nullptr);
  const auto codec = ReadCodec(folder_);
  ASSERT_TRUE(codec.ok()) << codec.status();
  ExpectSame(codec_.parameters, codec->parameters);
  const auto tokens = ReadTokenModel(folder_);
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  ExpectSame(tokens_.parameters, tokens->parameters);
  EXPECT_EQ(ReadCodec(folder_ + "/nowhere").status().code(), absl::StatusCode::kNotFound);
}

// What was read from a file of wider numbers is not rounded when it is written again.
TEST_F(ExportTest, StaysFloat32) {
  ASSERT_NE(Load(), nullptr);
  TokenModel tokens = *ReadTokenModel(folder_);
  EXPECT_EQ(tokens.type, DType::kFloat16);
  tokens.type = DType::kFloat32;
  CodecModel codec = *ReadCodec(folder_);
  codec.type = DType::kFloat32;
  {
    c10::NoGradGuard no_grad;
    tokens.parameters["emb.1.weight"].add_(1e-6);
    tokens.parameters["out_norm.weight"].fill_(70000);  // more than float16 holds
    codec.parameters["decoder.model.0.conv.conv.bias"].add_(1e-6);
  }
  const std::string wide = folder_ + "/wide", again = folder_ + "/again";
  ASSERT_TRUE(WriteTokenModel(tokens, wide).ok());
  ASSERT_TRUE(WriteCodec(codec, wide).ok());
  const TokenModel wide_tokens = *ReadTokenModel(wide);
  const CodecModel wide_codec = *ReadCodec(wide);
  ASSERT_TRUE(WriteTokenModel(wide_tokens, again).ok());
  ASSERT_TRUE(WriteCodec(wide_codec, again).ok());
  ExpectSame(tokens.parameters, ReadTokenModel(again)->parameters);
  ExpectSame(codec.parameters, ReadCodec(again)->parameters);
  tokens.type = DType::kFloat16;
  const absl::Status status = WriteTokenModel(tokens, again);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("out_norm.weight"));
}

// A file of the right source whose codes are of another type is made again.
TEST_F(TrainingTest, CachedCodesOfAnotherTypeAreNotRead) {
  const std::string path = FreshFolder() + "/codes.bin";
  const CodecModel codec = *NewCodec(SmallSizes(), 1);
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  const auto codes = EncodeClips(codec, *clips_, path);
  ASSERT_TRUE(codes.ok()) << codes.status();
  std::string source;
  {
    const auto file = TensorFile::OpenTorch(path);
    ASSERT_TRUE(file.ok()) << file.status();
    source = (*file)->strings().at("source");
  }
  const std::vector<uint8_t> bytes(codes->numel(), 1);
  for (const auto& view : {TensorView{DType::kUint8, codes->sizes().vec(), bytes.data()},
                           TensorView{DType::kInt16, {codes->numel() / 2}, bytes.data()}}) {
    const auto writer = TorchFileWriter::Create(path);
    ASSERT_TRUE(writer.ok() && (*writer)->AddTensor("codes", view).ok() &&
                (*writer)->AddString("source", source).ok() && (*writer)->Finish().ok());
    const auto again = EncodeClips(codec, *clips_, path);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(at::equal(*again, *codes));
  }
}

}  // namespace
}  // namespace vidmuse::train
