#include "core/evaluate/collect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/evaluate/ahead.h"
#include "tests/support/fresh_folder.h"
#include "tests/unit/evaluate/test_clips.h"

namespace vidmuse::evaluate {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class CollectTest : public testing::Test {
 protected:
  CollectTest() : folder_(FreshFolder()) {
    WriteSounds(folder_ + "/music", kClips, 0.2);
    for (int clip = 0; clip < kClips; ++clip) {
      paths_.push_back(absl::StrCat(folder_, "/music/", ClipName(clip), ".wav"));
    }
    const Sources sources = FakeSources(&calls_);
    tools_.read_sound = [read = sources.read_sound](const std::string& path) {
      return read(path, 10);
    };
    tools_.rhythm = sources.rhythm;
    tools_.wants_rhythm = true;
    for (const SoundNetwork network : {SoundNetwork::kVggish, SoundNetwork::kCnn14At16kHz}) {
      tools_.sounds[network] = *sources.open_sounds(network, "");
    }
  }

  absl::StatusOr<std::vector<SoundFeatures>> Collect(const std::string& cache_folder,
                                                     int workers = 2) {
    const auto cache = *FeatureCache::Open(cache_folder);
    return CollectSounds(paths_, tools_, *cache, {.workers = workers}, cancel_);
  }

  static constexpr int kClips = 7;
  const std::string folder_;
  Calls calls_;
  Tools tools_;
  CancelFlag cancel_;
  std::vector<std::string> paths_;
};

void ExpectSame(const std::vector<SoundFeatures>& a, const std::vector<SoundFeatures>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].path, b[i].path);
    EXPECT_EQ(a[i].facts.peak, b[i].facts.peak);
    EXPECT_EQ(a[i].rhythm.onsets, b[i].rhythm.onsets);
    for (const auto& [network, features] : a[i].features) {
      EXPECT_EQ(features.embeddings.values, b[i].features.at(network).embeddings.values);
      EXPECT_EQ(features.logits.values, b[i].features.at(network).logits.values);
    }
  }
}

TEST_F(CollectTest, FeaturesAreInOrderWhateverTheNumberOfThreads) {
  const auto one = Collect("", 1);
  ASSERT_TRUE(one.ok()) << one.status();
  const auto many = Collect("", 4);
  ASSERT_TRUE(many.ok()) << many.status();
  for (size_t i = 0; i < paths_.size(); ++i) {
    EXPECT_EQ((*one)[i].path, paths_[i]);
    EXPECT_NEAR((*one)[i].facts.peak, 0.2 + 0.01 * static_cast<double>(i), 1e-6);
    EXPECT_EQ((*one)[i].facts.seconds, 2);
    EXPECT_EQ((*one)[i].facts.channels, 2);
  }
  ExpectSame(*one, *many);
}

TEST_F(CollectTest, TheCacheSavesAllWork) {
  const auto first = Collect(folder_ + "/cache");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(calls_.reads, kClips);
  EXPECT_EQ(calls_.sounds, 2 * kClips);
  const auto second = Collect(folder_ + "/cache");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(calls_.reads, kClips);
  EXPECT_EQ(calls_.sounds, 2 * kClips);
  EXPECT_EQ(calls_.rhythms, kClips);
  ExpectSame(*first, *second);
  // A changed file is measured again.
  WriteFile(paths_[3], SoundText(0.9, 3));
  ASSERT_TRUE(Collect(folder_ + "/cache").ok());
  EXPECT_EQ(calls_.reads, kClips + 1);
  EXPECT_EQ(calls_.sounds, 2 * kClips + 2);
}

TEST_F(CollectTest, DamagedCacheEntriesAreComputedAgain) {
  const auto first = Collect(folder_ + "/cache");
  ASSERT_TRUE(first.ok()) << first.status();
  int damaged = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/cache")) {
    if (++damaged % 2 == 0) WriteFile(entry.path(), ReadFile(entry.path()).substr(0, 50));
  }
  const auto second = Collect(folder_ + "/cache");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_GT(calls_.reads, kClips);
  ExpectSame(*first, *second);
  const int reads = calls_.reads;
  ASSERT_TRUE(Collect(folder_ + "/cache").ok());
  EXPECT_EQ(calls_.reads, reads);
}

TEST_F(CollectTest, AllFilesThatCannotBeReadAreNamed) {
  WriteFile(paths_[1], "no sound");
  WriteFile(paths_[4], "no sound either");
  const absl::Status status = Collect("").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(paths_[1]), HasSubstr(paths_[4]), Not(HasSubstr(paths_[2]))));
  EXPECT_EQ(calls_.reads, kClips);
}

TEST_F(CollectTest, ACancelledRunEnds) {
  tools_.read_sound = [this](const std::string& path) {
    cancel_.Cancel();
    return ReadTestSound(path);
  };
  EXPECT_EQ(Collect("").status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(calls_.sounds, 0);
}

TEST(AheadTest, NoMoreThanAFewValuesAreMadeAhead) {
  std::atomic<size_t> made = 0;
  constexpr size_t kCount = 50;
  constexpr size_t kThreads = 3;
  Ahead<size_t> values(kThreads, kCount, [&](size_t index) {
    ++made;
    return index * index;
  });
  for (size_t i = 0; i < kCount; ++i) {
    EXPECT_LE(made, i + kThreads + 1);
    EXPECT_EQ(values.Take(), i * i);
  }
  EXPECT_EQ(made, kCount);
}

}  // namespace
}  // namespace vidmuse::evaluate
