#include "core/evaluate/evaluate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/evaluate/frechet.h"
#include "core/evaluate/html_parts.h"
#include "tests/support/fresh_folder.h"
#include "tests/unit/evaluate/test_clips.h"

namespace vidmuse::evaluate {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class EvaluateTest : public testing::Test {
 protected:
  EvaluateTest() : folder_(FreshFolder()) {
    WriteExtractors(folder_ + "/extractors");
    WriteSounds(folder_ + "/a", kClips, 0.2);
    WriteSounds(folder_ + "/b", kClips, 0.6);
    WriteSounds(folder_ + "/reference", kClips, 0.25);
    WriteVideos(folder_ + "/videos", kClips);
    flags_.extractors = folder_ + "/extractors";
    flags_.reference = folder_ + "/reference";
    flags_.videos = folder_ + "/videos";
    flags_.workers = 2;
    flags_.resamples = 50;
  }

  absl::StatusOr<Report> Run(const std::vector<std::string>& sets) {
    std::vector<std::string> folders;
    for (const std::string& set : sets) folders.push_back(folder_ + "/" + set);
    return Evaluate(folders, flags_, FakeSources(&calls_), cancel_, /*progress=*/false);
  }

  std::string Json(const std::vector<std::string>& sets) {
    const absl::StatusOr<Report> report = Run(sets);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? JsonReport(*report) : "{}";
  }

  std::string Error(const std::vector<std::string>& sets) { return Run(sets).status().ToString(); }

  static constexpr int kClips = 12;
  const std::string folder_;
  EvaluateFlags flags_;
  Calls calls_;
  CancelFlag cancel_;
};

TEST_F(EvaluateTest, TheReportHasEachMeasureWithItsFields) {
  const json report = json::parse(Json({"a"}));
  for (const char* name : {"fad", "fd", "kl", "kl_reverse", "density", "coverage", "precision",
                           "recall", "kad", "imagebind", "beats", "tempo", "key", "cuts"}) {
    ASSERT_TRUE(report["metrics"].contains(name)) << name << report["left_out"];
    const json& metric = report["metrics"][name];
    EXPECT_TRUE(metric["value"].is_number()) << name;
    EXPECT_LE(metric["ci95"][0], metric["ci95"][1]) << name;
    EXPECT_EQ(metric["clips"], kClips) << name;
    EXPECT_EQ(metric["seconds"], 2 * kClips) << name;
    EXPECT_TRUE(metric["settings"].is_object()) << name;
  }
  EXPECT_EQ(report["metrics"]["fad"]["extractor"]["name"], "vggish");
  EXPECT_EQ(report["metrics"]["kad"]["extractor"]["name"], "cnn14_16k");
  EXPECT_EQ(report["metrics"]["fd"]["extractor"]["sha256"], std::string(64, 'a'));
  EXPECT_TRUE(report["metrics"]["beats"]["extractor"].is_null());
  EXPECT_TRUE(report["metrics"]["fd"]["floor_split"].is_number());
  EXPECT_TRUE(report["metrics"]["kl"]["shuffled"].is_number());
  EXPECT_EQ(report["settings"]["embedding"], "cnn14_16k");
  EXPECT_TRUE(report["left_out"].contains("fad_inf"));  // too few windows
  ASSERT_EQ(report["clips"].size(), kClips);
  EXPECT_EQ(report["clips"][3]["name"], ClipName(3));
  EXPECT_TRUE(report["clips"][3]["metrics"]["kl"].is_number());
}

TEST_F(EvaluateTest, TheSameRunGivesTheSameBytes) {
  const std::string first = Json({"a"});
  flags_.workers = 5;
  EXPECT_EQ(Json({"a"}), first);
  flags_.cache = folder_ + "/cache";
  EXPECT_EQ(Json({"a"}), first);
  EXPECT_EQ(Json({"a"}), first);
}

TEST_F(EvaluateTest, ValuesAreThoseOfTheMeasures) {
  flags_.metrics = {"fd"};
  const json report = json::parse(Json({"a"}));
  FakeSoundExtractor extractor("", 1, 8, &calls_.sounds);
  FeatureMatrix rows[2] = {{kClips, 8, {}}, {kClips, 8, {}}};
  for (int set = 0; set < 2; ++set) {
    for (int clip = 0; clip < kClips; ++clip) {
      const std::string folder = folder_ + (set == 0 ? "/reference/" : "/a/");
      const Features features =
          *extractor.Extract(*ReadTestSound(folder + ClipName(clip) + ".wav"));
      rows[set].values.insert(rows[set].values.end(), features.embeddings.values.begin(),
                              features.embeddings.values.end());
    }
  }
  EXPECT_EQ(report["metrics"]["fd"]["value"].get<double>(), *FrechetDistance(rows[0], rows[1]));
  EXPECT_EQ(report["metrics"].size(), 1);
}

TEST_F(EvaluateTest, ASetDiffersFromItselfByNothing) {
  const json report = json::parse(Json({"a", "a"}));
  EXPECT_EQ(report["a"], report["b"]);
  ASSERT_GE(report["differences"].size(), 10);
  for (const json& difference : report["differences"]) {
    EXPECT_EQ(difference["value"], 0);
    EXPECT_EQ(difference["ci95"], json({0.0, 0.0}));
    EXPECT_EQ(difference["better"], "undecided");
  }
}

TEST_F(EvaluateTest, TheNearerSetIsTheBetterOne) {
  const json report = json::parse(Json({"a", "b"}));
  for (const char* name : {"fad", "kl", "tempo", "key"}) {
    const json& difference = report["differences"][name];
    EXPECT_NEAR(difference["value"].get<double>(),
                report["b"]["metrics"][name]["value"].get<double>() -
                    report["a"]["metrics"][name]["value"].get<double>(),
                1e-9);
    EXPECT_EQ(difference["better"], "a") << name << difference;
  }
}

TEST_F(EvaluateTest, SilentClipsAreNamedAndKept) {
  WriteFile(folder_ + "/a/" + ClipName(5) + ".wav", SoundText(0, 5));
  const absl::StatusOr<Report> report = Run({"a"});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->warnings, Contains(AllOf(HasSubstr(ClipName(5)), HasSubstr("silent"))));
  const json text = json::parse(JsonReport(*report));
  EXPECT_TRUE(text["clips"][5]["silent"]);
  EXPECT_FALSE(text["clips"][4]["silent"]);
  EXPECT_EQ(text["metrics"]["fd"]["clips"], kClips);
}

TEST_F(EvaluateTest, WrongInputsAreErrorsThatNameThem) {
  std::filesystem::remove(folder_ + "/reference/" + ClipName(4) + ".wav");
  EXPECT_THAT(Error({"a"}), AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr(ClipName(4))));
  flags_.unpaired = "skip";
  const absl::StatusOr<Report> skipped = Run({"a"});
  ASSERT_TRUE(skipped.ok()) << skipped.status();
  EXPECT_EQ(skipped->clips.size(), kClips - 1);
  EXPECT_THAT(skipped->warnings, Contains(HasSubstr(ClipName(4))));
  flags_.unpaired = "collection";
  const json report = json::parse(Json({"a"}));
  EXPECT_TRUE(report["metrics"].contains("fad"));
  EXPECT_FALSE(report["metrics"].contains("kl"));
  WriteFile(folder_ + "/a/" + ClipName(2) + ".wav", "damaged");
  EXPECT_THAT(Error({"a"}), HasSubstr("/a/" + ClipName(2) + ".wav"));
}

TEST_F(EvaluateTest, OneClipIsNoSet) {
  WriteSounds(folder_ + "/one", 1, 0.2);
  WriteSounds(folder_ + "/one_reference", 1, 0.3);
  flags_.videos.clear();
  flags_.reference = folder_ + "/one_reference";
  EXPECT_THAT(Error({"one"}), AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("at least 2")));
  flags_.metrics = {"kl"};
  const json report = json::parse(Json({"one"}));
  EXPECT_TRUE(report["metrics"]["kl"]["value"].is_number());
  EXPECT_TRUE(report["metrics"]["kl"]["ci95"].is_null());
}

TEST_F(EvaluateTest, AMeasureThatIsAskedForAndNeedsMoreClipsIsAnError) {
  flags_.metrics = {"fad_inf"};
  EXPECT_THAT(Error({"a"}), AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("fad_inf")));
}

TEST_F(EvaluateTest, VideosBesideTheMusicAreTaken) {
  flags_.videos.clear();
  WriteVideos(folder_ + "/reference", kClips);
  const json report = json::parse(Json({"a"}));
  EXPECT_EQ(report["videos"], folder_ + "/reference");
  EXPECT_TRUE(report["metrics"].contains("imagebind"));
  EXPECT_EQ(report["clips"][0]["reference"], folder_ + "/reference/" + ClipName(0) + ".wav");
}

TEST_F(EvaluateTest, ACancelledRunHasNoReport) {
  cancel_.Cancel();
  EXPECT_EQ(Run({"a"}).status().code(), absl::StatusCode::kCancelled);
}

TEST_F(EvaluateTest, ThePageHasTheNumbersAndLinksToTheMusic) {
  WriteFile(folder_ + "/a/" + ClipName(5) + ".wav", SoundText(0, 5));
  const absl::StatusOr<Report> report = Run({"a", "b"});
  ASSERT_TRUE(report.ok()) << report.status();
  const std::string page = HtmlReport(*report, folder_ + "/pages/report.html");
  EXPECT_THAT(page, HasSubstr("src=\"../a/" + ClipName(0) + ".wav\""));
  EXPECT_THAT(page, HasSubstr("src=\"../reference/"));
  EXPECT_THAT(page, HasSubstr("is silent"));
  EXPECT_THAT(page, HasSubstr("<svg"));
  EXPECT_THAT(page, Not(HasSubstr("http://")));
  EXPECT_THAT(page, Not(HasSubstr("https://")));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
}

TEST(HtmlPartsTest, NamesCannotBreakOutOfThePage) {
  EXPECT_EQ(Escape("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
  EXPECT_EQ(Link("/music/a \"b\"#?%.wav", "/report.html"), "./music/a%20%22b%22%23%3F%25.wav");
  EXPECT_EQ(Link("/music/javascript:x.wav", "/music/report.html"), "./javascript%3Ax.wav");
}

TEST(HtmlPartsTest, HistogramsHaveATextAndOneBarABin) {
  const std::string svg = Histogram("KL", {{"a", {0, 0, 0.5, 1, NAN}}});
  EXPECT_THAT(svg, HasSubstr("Histogram of KL from 0 to 1, at most 2 clips"));
  size_t bars = 0;
  for (size_t at = 0; (at = svg.find("<rect", at)) != std::string::npos; ++at) ++bars;
  EXPECT_EQ(bars, 3);
  EXPECT_EQ(Histogram("KL", {{"a", {NAN}}}), "");
}

}  // namespace
}  // namespace vidmuse::evaluate
