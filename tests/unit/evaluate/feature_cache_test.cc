#include "core/evaluate/feature_cache.h"

#include <gtest/gtest.h>

#include "core/evaluate/clip_facts.h"
#include "tests/support/fresh_folder.h"
#include "tests/unit/evaluate/test_clips.h"

namespace vidmuse::evaluate {
namespace {

std::unique_ptr<FeatureCache> Open(const std::string& folder) {
  absl::StatusOr<std::unique_ptr<FeatureCache>> cache = FeatureCache::Open(folder);
  EXPECT_TRUE(cache.ok()) << cache.status();
  return *std::move(cache);
}

TEST(FeatureCacheTest, GivesBackWhatWasPut) {
  const auto cache = Open(FreshFolder() + "/new/folder");
  ASSERT_TRUE(cache->Put("content", "network", "value").ok());
  EXPECT_EQ(cache->Get("content", "network"), "value");
  EXPECT_EQ(cache->Get("content", "other"), std::nullopt);
  EXPECT_EQ(cache->Get("other", "network"), std::nullopt);
  ASSERT_TRUE(cache->Put("content", "network", "second").ok());
  EXPECT_EQ(cache->Get("content", "network"), "second");
}

TEST(FeatureCacheTest, KeepsNothingWithoutAFolder) {
  const auto cache = Open("");
  EXPECT_FALSE(cache->keeps());
  EXPECT_TRUE(cache->Put("content", "network", "value").ok());
  EXPECT_EQ(cache->Get("content", "network"), std::nullopt);
}

TEST(FeatureCacheTest, DamagedEntriesAreNone) {
  const std::string folder = FreshFolder();
  const auto cache = Open(folder);
  ASSERT_TRUE(cache->Put("content", "network", "a value of some length").ok());
  std::string path;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) path = entry.path();
  const std::string whole = ReadFile(path);
  for (size_t length = 0; length < whole.size(); ++length) {
    WriteFile(path, whole.substr(0, length));
    EXPECT_EQ(cache->Get("content", "network"), std::nullopt) << length;
    std::string flipped = whole;
    flipped[length] ^= 1;
    WriteFile(path, flipped);
    EXPECT_EQ(cache->Get("content", "network"), std::nullopt) << length;
  }
  WriteFile(path, whole + "x");
  EXPECT_EQ(cache->Get("content", "network"), std::nullopt);
  WriteFile(path, whole);
  EXPECT_TRUE(cache->Get("content", "network").has_value());
}

TEST(FeatureCacheTest, UnwritableFolderIsAnError) {
  const std::string folder = FreshFolder();
  WriteFile(folder + "/file", "");
  EXPECT_EQ(FeatureCache::Open(folder + "/file/cache").status().code(),
            absl::StatusCode::kInvalidArgument);
  const auto cache = Open(folder + "/gone");
  std::filesystem::remove_all(folder + "/gone");
  EXPECT_EQ(cache->Put("content", "network", "value").code(), absl::StatusCode::kUnavailable);
}

TEST(FeatureCacheTest, FeaturesAreTheSameAfterPacking) {
  Features features;
  features.embeddings = {2, 3, {1, 2, 3, 4, 5, 6}};
  features.logits = {1, 2, {-1, 0.5}};
  const std::string bytes = PackFeatures(features);
  const std::optional<Features> again = UnpackFeatures(bytes);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->embeddings.rows, 2);
  EXPECT_EQ(again->embeddings.columns, 3);
  EXPECT_EQ(again->embeddings.values, features.embeddings.values);
  EXPECT_EQ(again->logits.values, features.logits.values);
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(UnpackFeatures(bytes.substr(0, length)).has_value()) << length;
  }
  std::string huge = bytes;
  huge[6] = '\x7f';  // a number of rows that no file has
  EXPECT_FALSE(UnpackFeatures(huge).has_value());
  EXPECT_FALSE(UnpackFeatures(bytes + "1234").has_value());
}

TEST(FeatureCacheTest, FactsAndRhythmsAreTheSameAfterPacking) {
  const SoundFacts facts{1.25, 0.1, 44100, 2};
  const std::optional<SoundFacts> same = UnpackFacts(PackFacts(facts));
  ASSERT_TRUE(same.has_value());
  EXPECT_EQ(same->seconds, 1.25);
  EXPECT_EQ(same->peak, 0.1);
  EXPECT_EQ(same->sample_rate, 44100);
  EXPECT_EQ(same->channels, 2);
  const Rhythm rhythm{{0.1, 1.0 / 3}, {0.2}, {0.5}, 120.5, {9, true, 0.7, 0.1}};
  const std::optional<Rhythm> again = UnpackRhythm(PackRhythm(rhythm));
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->onsets, rhythm.onsets);
  EXPECT_EQ(again->beats, rhythm.beats);
  EXPECT_EQ(again->tempo, 120.5);
  EXPECT_EQ(again->d2m_gan_onsets, rhythm.d2m_gan_onsets);
  EXPECT_EQ(again->key.Name(), "A minor");
  EXPECT_EQ(again->key.correlation, 0.7);
  EXPECT_EQ(again->key.margin, 0.1);
  EXPECT_FALSE(UnpackFacts("{\"seconds\": 1}").has_value());
  EXPECT_FALSE(UnpackRhythm("[").has_value());
  EXPECT_FALSE(UnpackTimes("{}").has_value());
}

TEST(FeatureCacheTest, HashIsOfTheContent) {
  const std::string folder = FreshFolder();
  WriteFile(folder + "/a", std::string(1 << 20, 'x'));
  WriteFile(folder + "/b", std::string(1 << 20, 'x'));
  WriteFile(folder + "/c", std::string((1 << 20) - 1, 'x'));
  EXPECT_EQ(*HashFile(folder + "/a"), *HashFile(folder + "/b"));
  EXPECT_NE(*HashFile(folder + "/a"), *HashFile(folder + "/c"));
  EXPECT_EQ(HashFile(folder + "/d").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace vidmuse::evaluate
