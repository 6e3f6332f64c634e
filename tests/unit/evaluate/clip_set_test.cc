#include "core/evaluate/clip_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fresh_folder.h"
#include "tests/unit/evaluate/test_clips.h"

namespace vidmuse::evaluate {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

std::string Error(const absl::Status& status) { return std::string(status.message()); }

TEST(ClipSetTest, ListsSoundsByNameAndPrefersSoundFilesToVideos) {
  const std::string folder = FreshFolder();
  WriteFile(folder + "/one.wav", "");
  WriteFile(folder + "/one.mp4", "");
  WriteFile(folder + "/two.WEBM", "");
  WriteFile(folder + "/notes.txt", "");
  WriteFile(folder + "/inner/three.wav", "");
  const absl::StatusOr<ClipFiles> sounds = ListSounds(folder);
  ASSERT_TRUE(sounds.ok()) << sounds.status();
  EXPECT_THAT(*sounds,
              ElementsAre(Pair("one", folder + "/one.wav"), Pair("two", folder + "/two.WEBM")));
  const absl::StatusOr<ClipFiles> videos = ListVideos(folder);
  ASSERT_TRUE(videos.ok()) << videos.status();
  EXPECT_THAT(*videos,
              ElementsAre(Pair("one", folder + "/one.mp4"), Pair("two", folder + "/two.WEBM")));
}

TEST(ClipSetTest, RefusesFoldersThatAreNotThereOrHaveNoClips) {
  const std::string folder = FreshFolder();
  EXPECT_EQ(ListSounds(folder + "/none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Error(ListSounds(folder + "/none").status()), HasSubstr(folder + "/none"));
  WriteFile(folder + "/notes.txt", "");
  EXPECT_EQ(ListSounds(folder).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Error(ListVideos(folder).status()), HasSubstr(folder));
}

TEST(ClipSetTest, RefusesTwoFilesOfOneName) {
  const std::string folder = FreshFolder();
  WriteFile(folder + "/one.wav", "");
  WriteFile(folder + "/one.flac", "");
  EXPECT_EQ(ListSounds(folder).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Error(ListSounds(folder).status()),
              AllOf(HasSubstr("one.wav"), HasSubstr("one.flac")));
}

TEST(ClipSetTest, PairsByName) {
  const NamedSet a{"a", {{"one", "a/one.wav"}, {"two", "a/two.wav"}}};
  const NamedSet b{"b", {{"one", "b/one.mp4"}, {"two", "b/two.flac"}}};
  const absl::StatusOr<Pairing> pairing = PairClips({a, b}, Unpaired::kRefuse);
  ASSERT_TRUE(pairing.ok()) << pairing.status();
  EXPECT_THAT(pairing->names, ElementsAre("one", "two"));
  EXPECT_TRUE(pairing->skipped.empty());
}

TEST(ClipSetTest, NamesEveryClipWithoutAPartnerOrSkipsIt) {
  const NamedSet a{"a", {{"one", "a/one.wav"}, {"two", "a/two.wav"}}};
  const NamedSet b{"b", {{"one", "b/one.mp4"}, {"three", "b/three.flac"}}};
  const absl::Status refused = PairClips({a, b}, Unpaired::kRefuse).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Error(refused), AllOf(HasSubstr("a lacks three"), HasSubstr("b lacks two")));
  const absl::StatusOr<Pairing> skipped = PairClips({a, b}, Unpaired::kSkip);
  ASSERT_TRUE(skipped.ok()) << skipped.status();
  EXPECT_THAT(skipped->names, ElementsAre("one"));
  EXPECT_THAT(skipped->skipped, ElementsAre("three", "two"));
  const NamedSet c{"c", {{"four", "c/four.wav"}}};
  EXPECT_EQ(PairClips({a, c}, Unpaired::kSkip).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace vidmuse::evaluate
