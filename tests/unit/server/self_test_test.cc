// The self-test: passes here, is fast, and notices a model that computes something else.
#include "core/model/self_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "absl/time/clock.h"
#include "core/model/hash_model/hash_model.h"
#include "core/model/load_model.h"
#include "vidmuse/self_test.h"

namespace vidmuse {
namespace {

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

}  // namespace
}  // namespace vidmuse
