// vidmuse_evaluate as a user runs it: real files, the real decoder, networks of hash weights.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/philox.h"
#include "tests/support/fresh_folder.h"
#include "tests/support/subprocess.h"
#include "tests/support/wav_file.h"

namespace vidmuse::evaluate {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

using Args = std::vector<std::string>;

constexpr char kEvaluate[] = VIDMUSE_BIN_DIR "/vidmuse_evaluate";
constexpr char kMakeExtractors[] = VIDMUSE_BIN_DIR "/tests/vidmuse_make_extractors";
constexpr int kClips = 7;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteFile(const std::string& path, const std::string& bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

// A tone with noise that begins anew with each beat; the seed chooses its pitch and its noise.
std::string Music(uint64_t seed, int sample_rate, int channels, double seconds, double tempo) {
  std::vector<int16_t> samples;
  const double pitch = 220 * std::pow(2, static_cast<double>(seed % 12) / 12);
  for (int64_t i = 0; i < std::llround(seconds * sample_rate); ++i) {
    const double time = static_cast<double>(i) / sample_rate;
    const double beat = std::fmod(time * tempo / 60, 1);
    const double noise = TokenUniform(seed, static_cast<uint64_t>(i), 0) - 0.5;
    const double sample =
        std::exp(-6 * beat) * (8000 * std::sin(6.283185307 * pitch * time) + 2000 * noise);
    samples.insert(samples.end(), static_cast<size_t>(channels), static_cast<int16_t>(sample));
  }
  return WavFile(sample_rate, channels, samples);
}

class EvaluateCliTest : public testing::Test {
 protected:
  EvaluateCliTest() : folder_(FreshFolder()) {
    for (int clip = 0; clip < kClips; ++clip) {
      const double tempo = 90 + 10 * clip;
      const auto seed = static_cast<uint64_t>(clip);
      WriteFile(Wav("reference", clip), Music(seed, 32000, 1, 3, tempo));
      // Other rates and channels of the same music, and other music.
      WriteFile(Wav("a", clip), Music(seed, clip % 2 == 0 ? 44100 : 16000, 1 + clip % 2, 3, tempo));
      WriteFile(Wav("b", clip), Music(seed + 5, 32000, 1, 3, 150 - tempo / 2));
    }
  }
  ~EvaluateCliTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  std::string Wav(const std::string& set, int clip) const {
    return absl::StrCat(folder_, "/", set, "/clip", clip, ".wav");
  }

  Args Command(const Args& more) const {
    Args args = {kEvaluate, "--reference", Path("reference"), "--threads=2", "--resamples=50"};
    args.insert(args.end(), more.begin(), more.end());
    return args;
  }

  RunResult Run(const Args& more) const { return RunProgram(Command(more)); }

  json Report(const Args& more, const std::string& name) const {
    Args args = more;
    args.insert(args.end(), {"--output", Path(name)});
    const RunResult result = Run(args);
    EXPECT_EQ(result.exit_code, 0) << result.error;
    return result.exit_code == 0 ? json::parse(ReadFile(Path(name))) : json();
  }

  std::string Error(const Args& more) const {
    const RunResult result = Run(more);
    EXPECT_EQ(result.exit_code, 1) << absl::StrJoin(more, " ") << "\n" << result.error;
    EXPECT_TRUE(result.output.empty());
    return result.error;
  }

  const std::string folder_;
};

TEST_F(EvaluateCliTest, MeasuresOfRhythmNeedNoNetworkAndTheSameRunGivesTheSameBytes) {
  const json report = Report({"--generated", Path("a")}, "first.json");
  for (const char* name : {"beats", "tempo", "key"}) {
    EXPECT_EQ(report["metrics"][name]["value"], 1) << name;
    EXPECT_EQ(report["metrics"][name]["clips"], kClips) << name;
  }
  EXPECT_EQ(report["left_out"]["fad"], "needs --extractors");
  EXPECT_EQ(report["clips"][1]["channels"], 2);
  EXPECT_EQ(report["clips"][1]["sample_rate"], 16000);
  Report({"--generated", Path("a"), "--workers=1", "--cache", Path("cache")}, "second.json");
  Report({"--generated", Path("a"), "--cache", Path("cache")}, "third.json");
  EXPECT_EQ(ReadFile(Path("first.json")), ReadFile(Path("second.json")));
  EXPECT_EQ(ReadFile(Path("first.json")), ReadFile(Path("third.json")));
}

TEST_F(EvaluateCliTest, NetworksAreReadFromTheirPublishedFiles) {
  const RunResult made = RunProgram({kMakeExtractors, "--out", Path("extractors")});
  ASSERT_EQ(made.exit_code, 0) << made.error;
  for (int clip = 0; clip < kClips; ++clip) {
    const char* const video = clip % 2 == 0 ? "pattern_4s.mp4" : "life_7s.mp4";
    std::filesystem::create_directories(Path("videos"));
    std::filesystem::copy_file(absl::StrCat(VIDMUSE_TEST_DATA, "/golden/videos/", video),
                               absl::StrCat(Path("videos/clip"), clip, ".mp4"));
  }
  const Args args = {"--generated",  Path("a"),          "--videos", Path("videos"),
                     "--extractors", Path("extractors"), "--cache",  Path("cache")};
  const json report = Report(args, "first.json");
  const std::map<std::string, std::string> files = {{"fad", "vggish-10086976.pth"},
                                                    {"fd", "Cnn14_16k_mAP=0.438.pth"},
                                                    {"kl", "Cnn14_16k_mAP=0.438.pth"},
                                                    {"imagebind", "imagebind_huge.pth"}};
  for (const auto& [name, file] : files) {
    const json& metric = report["metrics"][name];
    ASSERT_TRUE(metric.is_object()) << name << " " << report["left_out"];
    EXPECT_TRUE(metric["value"].is_number()) << name;
    EXPECT_LE(metric["ci95"][0], metric["ci95"][1]) << name;
    EXPECT_EQ(metric["extractor"]["file"], file) << name;
    EXPECT_EQ(metric["extractor"]["sha256"].get<std::string>().size(), 64) << name;
    EXPECT_EQ(metric["clips"], kClips) << name;
  }
  EXPECT_LT(report["metrics"]["kl"]["value"], 1);
  for (const char* name : {"density", "coverage", "precision", "recall", "kad"}) {
    EXPECT_TRUE(report["metrics"][name]["value"].is_number()) << name;
  }
  // From the cache, and without it.
  Report(args, "second.json");
  EXPECT_EQ(ReadFile(Path("first.json")), ReadFile(Path("second.json")));
  std::filesystem::remove_all(Path("cache"));
  Report(args, "third.json");
  EXPECT_EQ(ReadFile(Path("first.json")), ReadFile(Path("third.json")));
  // The music of the reference itself is at no distance from it.
  const json same = Report({"--generated", Path("reference"), "--extractors", Path("extractors"),
                            "--metrics=fad,fd,kl,coverage"},
                           "same.json");
  EXPECT_NEAR(same["metrics"]["fad"]["value"].get<double>(), 0, 1e-6);
  EXPECT_NEAR(same["metrics"]["fd"]["value"].get<double>(), 0, 1e-6);
  EXPECT_EQ(same["metrics"]["coverage"]["value"], 1);
}

TEST_F(EvaluateCliTest, DamagedExtractorFilesAreErrorsThatNameThem) {
  const RunResult made = RunProgram({kMakeExtractors, "--out", Path("extractors")});
  ASSERT_EQ(made.exit_code, 0) << made.error;
  const std::string path = Path("extractors/Cnn14_16k_mAP=0.438.pth");
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  EXPECT_THAT(Error({"--generated", Path("a"), "--extractors", Path("extractors")}),
              AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr(path)));
  // Another network's file.
  std::filesystem::copy_file(Path("extractors/vggish-10086976.pth"), path,
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(Error({"--generated", Path("a"), "--extractors", Path("extractors")}),
              AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr(path)));
}

TEST_F(EvaluateCliTest, ComparesTwoSets) {
  const json report =
      Report({"--compare", Path("a"), Path("b"), "--html", Path("report.html")}, "report.json");
  EXPECT_EQ(report["a"]["generated"], Path("a"));
  EXPECT_EQ(report["differences"]["key"]["better"], "a");
  EXPECT_EQ(report["differences"]["tempo"]["value"].get<double>(),
            report["b"]["metrics"]["tempo"]["value"].get<double>() - 1);
  const std::string page = ReadFile(Path("report.html"));
  for (const char* link : {"src=\"./a/clip0.wav\"", "src=\"./b/clip0.wav\""}) {
    EXPECT_NE(page.find(link), std::string::npos) << link;
  }
  EXPECT_EQ(page.find("://"), std::string::npos);
  EXPECT_THAT(Error({"--compare", Path("a")}), HasSubstr("--compare A B"));
}

TEST_F(EvaluateCliTest, WrongClipsAreErrorsThatNameThem) {
  std::filesystem::rename(Wav("a", 3), Path("a/other.wav"));
  EXPECT_THAT(
      Error({"--generated", Path("a")}),
      AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("lacks other"), HasSubstr("lacks clip3")));
  std::filesystem::rename(Path("a/other.wav"), Wav("a", 3));
  WriteFile(Wav("a", 2), Music(2, 32000, 1, 0.05, 100));
  WriteFile(Wav("a", 4), "this isn't sound");
  EXPECT_THAT(Error({"--generated", Path("a")}),
              AllOf(HasSubstr("2 files"), HasSubstr("a/clip2.wav"), HasSubstr("a/clip4.wav")));
  WriteFile(Path("a/clip5.flac"), "");
  EXPECT_THAT(Error({"--generated", Path("a")}),
              AllOf(HasSubstr("clip5.flac"), HasSubstr("clip5.wav")));
  EXPECT_THAT(Error({"--generated", Path("none")}), HasSubstr(Path("none")));
  EXPECT_THAT(Error({"--generated", Path("reference"), "--max_seconds=2"}),
              HasSubstr("reference/clip0.wav"));
}

TEST_F(EvaluateCliTest, WrongFlagsAreErrorsThatNameThem) {
  EXPECT_THAT(Error({"--generate", Path("a")}), HasSubstr("--generate"));
  EXPECT_THAT(Error({}), HasSubstr("--generated is needed"));
  EXPECT_THAT(Error({"--generated", Path("a"), "--metrics=fadd"}), HasSubstr("fadd"));
  EXPECT_THAT(Error({"--generated", Path("a"), "--metrics=fad", "--extractors", Path("none")}),
              AllOf(HasSubstr("NOT_FOUND"), HasSubstr("none/vggish-10086976.pth")));
  EXPECT_THAT(Error({"--generated", Path("a"), "--output", Path("none/report.json")}),
              HasSubstr("none/report.json"));
}

TEST_F(EvaluateCliTest, SilenceIsSaid) {
  WriteFile(Wav("a", 2), WavFile(32000, 1, std::vector<int16_t>(96000)));
  const RunResult result = Run({"--generated", Path("a")});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_THAT(result.error, AllOf(HasSubstr("a/clip2.wav"), HasSubstr("silent")));
  const json report = json::parse(result.output);
  EXPECT_TRUE(report["clips"][2]["silent"]);
  EXPECT_EQ(report["warnings"].size(), 1);
}

TEST_F(EvaluateCliTest, AnInterruptedRunLeavesNoReport) {
  for (int clip = kClips; clip < 60; ++clip) {
    for (const char* set : {"a", "reference"}) {
      std::filesystem::copy_file(Wav(set, clip % kClips), Wav(set, clip));
    }
  }
  auto program = Subprocess::Start(
      Command({"--generated", Path("a"), "--workers=1", "--output", Path("report.json")}));
  ASSERT_TRUE(program.ok()) << program.status();
  const auto line = (*program)->WaitForErrorLine("music [", kPatience * absl::Seconds(60));
  ASSERT_TRUE(line.ok()) << line.status();
  (*program)->Signal(SIGINT);
  const absl::StatusOr<int> code = (*program)->Wait(kPatience * absl::Seconds(60));
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, 130) << (*program)->error();
  EXPECT_FALSE(std::filesystem::exists(Path("report.json")));
}

}  // namespace
}  // namespace vidmuse::evaluate
