#include "core/curate/rules.h"

#include <gtest/gtest.h>

#include <string>

namespace vidmuse::curate {
namespace {

RawClip Clip() { return {.id = "a", .video = "a.mp4", .sound = "a.mp4", .source = Json::object()}; }

Measurements Good() {
  return {{"probe", {{"seconds", 60}, {"has_video", true}, {"has_audio", true}}},
          {"static", {{"similarity", 0.5}, {"black_share", 0}, {"freeze_share", 0}}},
          {"music", {{"music_share", 0.9}, {"speech_share", 0}, {"singing_share", 0}}}};
}

std::string Reason(const Rules& rules, const Measurements& measured) {
  const Decision decision = Decide(rules, Clip(), measured);
  EXPECT_EQ(decision.kept, decision.reason.empty());
  return decision.reason;
}

TEST(Rules, ThePaperKeepsAndDrops) {
  const Rules rules;
  EXPECT_EQ(Reason(rules, {}), "");
  EXPECT_EQ(Reason(rules, Good()), "");
  Measurements measured = Good();
  measured["probe"]["seconds"] = 29.9;
  EXPECT_EQ(Reason(rules, measured), "probe: seconds 29.9, under 30");
  measured["probe"]["seconds"] = 480.5;
  EXPECT_EQ(Reason(rules, measured), "probe: seconds 480.5, over 480");
  measured["probe"]["seconds"] = 480;
  EXPECT_EQ(Reason(rules, measured), "");
  measured["static"]["similarity"] = 0.81;
  EXPECT_EQ(Reason(rules, measured), "static: mean similarity of pictures 0.81, over 0.8");
  measured["static"]["similarity"] = 0.8;
  measured["music"]["music_share"] = 0.49;
  EXPECT_EQ(Reason(rules, measured), "music: share of music 0.49, under 0.5");
}

TEST(Rules, WhatCannotBeUsedIsDropped) {
  Measurements measured = Good();
  measured["probe"]["has_audio"] = false;
  EXPECT_EQ(Reason(Rules(), measured), "probe: it has no audio");
  measured["probe"] = {{"error", "not a video"}};
  EXPECT_EQ(Reason(Rules(), measured), "probe: not a video");
}

TEST(Rules, CategoriesAreDroppedInAnyCase) {
  RawClip clip = Clip();
  clip.source["category"] = "Interview";
  EXPECT_EQ(Decide(Rules(), clip, Good()).reason, "probe: category interview");
  clip.source["category"] = "Music";
  EXPECT_TRUE(Decide(Rules(), clip, Good()).kept);
}

TEST(Rules, TheFirstStageThatDropsIsTheReason) {
  Measurements measured = Good();
  measured["probe"]["seconds"] = 10;
  measured["music"]["music_share"] = 0;
  EXPECT_EQ(Reason(Rules(), measured), "probe: seconds 10, under 30");
}

TEST(Rules, StrictDropsMore) {
  const auto strict = Rules::Preset("strict");
  ASSERT_TRUE(strict.ok());
  Measurements measured = Good();
  measured["duplicates"] = {{"same_as", "b"}};
  EXPECT_EQ(Reason(Rules(), measured), "");
  EXPECT_EQ(Reason(*strict, measured), "duplicates: sounds like b");
  measured = Good();
  measured["separate"] = {{"speech_share", 0.06}};
  EXPECT_EQ(Reason(Rules(), measured), "");
  EXPECT_EQ(Reason(*strict, measured), "separate: share of speech that is left 0.06, over 0.05");
  EXPECT_FALSE(Rules::Preset("lax").ok());
}

}  // namespace
}  // namespace vidmuse::curate
