// What only a GPU can show: it computes what the CPU does, graphs do what steps do, and company
// changes nothing within a bucket. Skipped, with the reason, on hosts without.
#include <atomic>
#include <thread>

#include "core/model/self_test.h"
#include "core/model/synthetic/hash_values.h"
#include "tests/unit/model/gpu_fixture.h"
#include "vidmuse/self_test.h"

namespace vidmuse {
namespace {

TEST_F(GpuTest, PassesTheSelfTest) {
  for (const char* precision : {"fp32", "fp16", "bf16"}) {
    const absl::Status status = SelfTestDevices(
        "cuda", precision, [](const std::string& line) { printf("%s\n", line.c_str()); });
    EXPECT_EQ(status, absl::OkStatus()) << precision;
  }
}

TEST_F(GpuTest, LogitsAndTokensAreTheCpus) {
  const auto expected = Alone(*Load("cpu", DevicePrecision::kFp32, nullptr));
  const auto songs = Alone(*Load(device_, DevicePrecision::kFp32, CudaGraphMaker()));
  for (int i = 0; i < kSongs; ++i) {
    EXPECT_EQ(songs[i].drawn, expected[i].drawn) << i;
    EXPECT_LT(Off(songs[i].logits, expected[i].logits), 1e-4) << i;
  }
}

TEST_F(GpuTest, GraphsDoWhatStepsDo) {
  for (const auto precision : {DevicePrecision::kFp32, DevicePrecision::kFp16}) {
    const auto graphs = Load(device_, precision, CudaGraphMaker());
    EXPECT_EQ(graphs->info().step_graphs, 4) << graphs->notice();  // 1, 2, 4, 8
    const auto expected = Alone(*Load(device_, precision, nullptr));
    ExpectEqual(Alone(*graphs), expected);
  }
}

TEST_F(GpuTest, CompanyChangesNothingWithinABucket) {
  const auto model = Load(device_, DevicePrecision::kFp16, CudaGraphMaker(), {8});
  ExpectEqual(Together(*model), Alone(*model));
}

// Graphs share one pool of memory, so they must leave nothing in it for one another.
TEST_F(GpuTest, GraphsMayBeReplayedInAnyOrder) {
  std::vector<DeviceSong> songs[2];
  for (const bool with_graphs : {false, true}) {
    const auto model = Load(device_, DevicePrecision::kFp16,
                            with_graphs ? CudaGraphMaker() : StepGraphMaker(), {1, 2, 4});
    const auto condition = Encode(*model);
    songs[with_graphs].resize(8);
    for (int i = 0; i < 8; ++i) songs[with_graphs][i] = MakeSong(*model, *condition, i);
    const auto step = [&](int first, int count) {
      std::vector<DeviceSong*> batch;
      for (int i = first; i < first + count; ++i) batch.push_back(&songs[with_graphs][i]);
      ASSERT_EQ(StepSongs(*model, batch), absl::OkStatus());
    };
    for (int round = 0; round < 2; ++round) {
      step(0, 8), step(0, 1), step(0, 8), step(0, 2), step(0, 3), step(0, 1);
    }
    for (DeviceSong& song : songs[with_graphs]) song.window = nullptr;
  }
  for (int i = 0; i < 8; ++i) EXPECT_EQ(songs[1][i].logits, songs[0][i].logits) << i;
}

TEST_F(GpuTest, WindowsOpenBesideARunningStep) {
  const auto model = Load(device_, DevicePrecision::kFp16, CudaGraphMaker(), {8});
  const auto expected = Alone(*model);
  const auto condition = Encode(*model);
  std::vector<DeviceSong> songs;
  for (int i = 0; i < kSongs; ++i) songs.push_back(MakeSong(*model, *condition, i));
  std::atomic<bool> done = false;
  int opened = 0;
  std::thread opener([&] {
    while (!done) {
      EXPECT_TRUE(model->OpenWindow(*condition, 0, 3, kSteps, CancelFlag()).ok());
      ++opened;
    }
  });
  for (int step = 0; step < kSteps; ++step) {
    std::vector<DeviceSong*> batch;
    for (DeviceSong& song : songs) batch.push_back(&song);
    EXPECT_EQ(StepSongs(*model, batch), absl::OkStatus());
  }
  done = true;
  opener.join();
  EXPECT_GT(opened, 0);
  ExpectEqual(songs, expected);
}

std::vector<float> Decode(MusicModel& model, int seed) {
  auto decoder = model.NewAudioDecoder();
  EXPECT_TRUE(decoder.ok()) << decoder.status();
  std::vector<float> samples;
  for (int piece = 0; piece < 8; ++piece) {
    std::vector<int32_t> tokens(4 * (7 + 5 * piece));
    for (size_t i = 0; i < tokens.size(); ++i) {
      tokens[i] = static_cast<int32_t>((seed + 31 * i + 7 * piece) % model.info().card);
    }
    EXPECT_EQ((*decoder)->Push(tokens, piece == 7, &samples), absl::OkStatus());
  }
  return samples;
}

TEST_F(GpuTest, StreamsOfAudioAreDecodedSideBySide) {
  const auto model = Load(device_, DevicePrecision::kFp16, nullptr);
  const auto cpu = Load("cpu", DevicePrecision::kFp32, nullptr);
  std::vector<float> samples[2];
  std::thread threads[2];
  for (int i = 0; i < 2; ++i) {
    threads[i] = std::thread([&, i] { samples[i] = Decode(*model, i); });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(samples[i], Decode(*model, i)) << i;
    EXPECT_LT(Off(samples[i], Decode(*cpu, i)), 1e-4) << i;
  }
}

TEST_F(GpuTest, EncodesAudioToTheCpusTokens) {
  std::vector<float> samples;
  for (int i = 0; i < 70'001; ++i) {
    samples.push_back(HashUniform(Fnv1a64("audio"), static_cast<uint64_t>(i)) - 0.5f);
  }
  const auto model = Load(device_, DevicePrecision::kFp16, nullptr);
  const auto tokens = model->EncodeAudio(samples, CancelFlag());
  const auto expected = Load("cpu", DevicePrecision::kFp32, nullptr)->EncodeAudio(samples, {});
  ASSERT_TRUE(tokens.ok() && expected.ok()) << tokens.status() << expected.status();
  EXPECT_EQ(tokens->size(), 4u * 110);
  EXPECT_EQ(*tokens, *expected);
  EXPECT_EQ(*model->EncodeAudio(samples, CancelFlag()), *tokens);
}

}  // namespace
}  // namespace vidmuse
