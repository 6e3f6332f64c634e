#include "core/curate/results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "core/curate/review.h"
#include "tests/unit/curate/folder.h"

namespace vidmuse::curate {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

CuratedClip Clip(const std::string& id, double score, bool kept = true) {
  CuratedClip clip;
  clip.clip = {.id = id,
               .video = "/v/" + id + ".mp4",
               .sound = "/v/" + id + ".mp4",
               .source = Json::object()};
  clip.measured = {{"probe", {{"seconds", 40}, {"sample_rate", 48000}}},
                   {"separate", {{"path", "/s/" + id + ".wav"}, {"sample_rate", 44100}}},
                   {"align", {{"imagebind", score}}}};
  clip.decision = {kept, kept ? "" : "why"};
  return clip;
}

TEST(Results, SplitsAndWritesThePublishedLists) {
  const Folder folder;
  const std::vector<CuratedClip> clips = {Clip("a", 0.1),        Clip("b", 0.3), Clip("c", 0.2),
                                          Clip("d", 0.9, false), Clip("e", 0.8), Clip("f", 0.3)};
  Rules rules;
  rules.finetune_clips = 3;
  const Reviews reviews = {{"e", {{"Ada", true}}}, {"a", {{"Ada", false}}}};
  ASSERT_TRUE(WriteResults(clips, SplitClips(clips, rules, reviews), folder.path()).ok());
  EXPECT_EQ(folder.Read("V2M.txt"), "a\nb\nc\nf\n");
  EXPECT_EQ(folder.Read("V2M-20k.txt"), "b\nf\nc\n");
  EXPECT_EQ(folder.Read("V2M-bench.txt"), "e\n");
  EXPECT_EQ(folder.Read("benchmark.jsonl"),
            R"({"path":"/s/e.wav","video_path":"/v/e.mp4","duration":40.0,"sample_rate":44100.0,)"
            R"("amplitude":null,"weight":null,"info_path":null})"
            "\n");
  const std::string lines = folder.Read("clips.jsonl");
  EXPECT_THAT(
      lines,
      HasSubstr(
          R"("id":"d","video_path":"/v/d.mp4","path":"/v/d.mp4","kept":false,"reason":"why")"));
}

TEST(Results, SaysWhatIsNotMeasuredYet) {
  const Folder folder;
  const MeasurementStore store(folder.path());
  ASSERT_TRUE(store.Save("probe", "1", "a", {{"seconds", 40}}).ok());
  ASSERT_TRUE(store.Save("probe", "1", "b", {{"seconds", 4}}).ok());
  const std::vector<RawClip> raw = {Clip("a", 0).clip, Clip("b", 0).clip};
  const auto clips = Collect(raw, Rules(), store, {{"probe", "1"}, {"music", "1"}});
  EXPECT_EQ(clips[0].decision.reason, "not measured by music yet");
  EXPECT_EQ(clips[1].decision.reason, "probe: seconds 4, under 30");
}

TEST(Results, CopiesOfAFileAreDuplicatesWhateverTheySoundLike) {
  const Folder folder;
  const MeasurementStore store(folder.path());
  const std::vector<RawClip> raw = {Clip("a", 0).clip, Clip("b", 0).clip, Clip("c", 0).clip};
  for (const RawClip& clip : raw) {
    const std::string hash = clip.id == "b" ? "other" : "same";
    ASSERT_TRUE(store.Save("probe", "1", clip.id, {{"seconds", 40}, {"video_hash", hash}}).ok());
    ASSERT_TRUE(store.Save("duplicates", "1", clip.id, {{"fingerprint", ""}}).ok());
  }
  Rules rules;
  const std::vector<StageKey> stages = {{"probe", "1"}, {"duplicates", "1"}};
  EXPECT_TRUE(Collect(raw, rules, store, stages)[2].decision.kept);
  rules.drop_duplicates = true;
  const auto clips = Collect(raw, rules, store, stages);
  EXPECT_TRUE(clips[0].decision.kept);
  EXPECT_TRUE(clips[1].decision.kept);
  EXPECT_EQ(clips[2].decision.reason, "duplicates: sounds like a");
}

TEST(ReviewPage, HoldsTheKeptClipsAndNothingThatTheyCouldRun) {
  std::vector<CuratedClip> clips = {Clip("a", 0.25), Clip("b", 0.5, false)};
  clips[0].clip.video = "/data/v/a #1.mp4";
  clips[0].clip.source["title"] = "</script><script>alert(1)</script>";
  const std::string page = ReviewPage(clips, "/data/out");
  EXPECT_THAT(page, HasSubstr(R"("video":"../v/a%20%231.mp4")"));
  EXPECT_THAT(page, HasSubstr(R"("align: imagebind":0.25)"));
  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(page, Not(HasSubstr("@CLIPS@")));
  EXPECT_THAT(page, Not(HasSubstr(R"("id":"b")")));
  EXPECT_THAT(page, Not(HasSubstr("http")));
}

}  // namespace
}  // namespace vidmuse::curate
