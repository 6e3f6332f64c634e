// The self-test: passes here, is fast, and notices a model that computes something else.
#include "core/model/self_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "core/model/load_model.h"
#include "core/model/synthetic/hash_model.h"
#include "vidmuse/self_test.h"

namespace vidmuse {
namespace {

using testing::HasSubstr;

absl::StatusOr<std::unique_ptr<MusicModel>> Load(const std::string& seed) {
  HashModelSizes sizes;
  sizes.seed = seed;
  ModelOptions options;
  options.name = "test";
  options.precision = "fp32";
  return LoadModelFromFiles(HashLmFile(sizes), HashCodecFile(sizes), options);
}

TEST(SelfTestTest, PassesInAFractionOfASecond) {
  const absl::Time before = absl::Now();
  EXPECT_EQ(SelfTest(), absl::OkStatus());
  const absl::Duration took = absl::Now() - before;
  RecordProperty("milliseconds", static_cast<int>(absl::ToInt64Milliseconds(took)));
  EXPECT_LT(took, absl::Seconds(10));  // alone: about 0.3 s
}

TEST(SelfTestTest, NoTokenHangsOnRounding) {
  const auto model = Load("tiny");
  ASSERT_TRUE(model.ok()) << model.status();
  const auto song = MakeSelfTestSong(**model, 8);
  ASSERT_TRUE(song.ok()) << song.status();
  // Processors differ by less than 1e-4.
  EXPECT_GT(song->margin, 0.1f);
}

TEST(SelfTestTest, AnotherModelMakesAnotherSong) {
  const auto model = Load("tiny");
  const auto other = Load("other");
  ASSERT_TRUE(model.ok() && other.ok());
  const auto song = MakeSelfTestSong(**model, 8);
  const auto other_song = MakeSelfTestSong(**other, 8);
  ASSERT_TRUE(song.ok() && other_song.ok());
  EXPECT_NE(song->tokens, other_song->tokens);
  EXPECT_NE(song->rms, other_song->rms);
}

// What GPUs run, here on the CPU.
TEST(SelfTestTest, DevicesAreComparedWithTheCpu) {
  const auto model = Load("tiny");
  ASSERT_TRUE(model.ok()) << model.status();
  auto reference = MakeSelfTestSong(**model, 8);
  ASSERT_TRUE(reference.ok()) << reference.status();
  ModelOptions options;
  options.device_code = true;
  for (const char* precision : {"fp32", "fp16", "bf16"}) {
    options.precision = precision;
    const auto found = TestDevice(options, *reference);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_THAT(*found, HasSubstr(precision));
  }
  options.precision = "fp32";
  const float logit = std::exchange(reference->logits[5], reference->logits[5] + 1);
  EXPECT_THAT(std::string(TestDevice(options, *reference).status().message()),
              HasSubstr("logits are off by"));
  reference->logits[5] = logit;
  reference->rms *= 1.1;
  EXPECT_THAT(std::string(TestDevice(options, *reference).status().message()), HasSubstr("RMS"));
  reference->tokens[3] ^= 1;
  EXPECT_THAT(std::string(TestDevice(options, *reference).status().message()), HasSubstr("tokens"));
}

TEST(SelfTestTest, TellsOfEachDevice) {
  std::vector<std::string> lines;
  const auto tell = [&](const std::string& line) { lines.push_back(line); };
  EXPECT_EQ(SelfTestDevices("cpu", "", tell), absl::OkStatus());
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], HasSubstr("cpu: known tokens in fp32, a step"));
  EXPECT_EQ(SelfTestDevices("cuda:63", "", tell).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(SelfTestDevices("tpu", "", tell).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace vidmuse
