// vidmuse_train as a user runs it: from clips to a model that the server loads, killed and gone on
// with, and without what it needs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/support/subprocess.h"
#include "tests/support/fresh_folder.h"

namespace vidmuse::train {
namespace {

using testing::AllOf;
using testing::HasSubstr;

using Args = std::vector<std::string>;

constexpr char kTrain[] = VIDMUSE_BIN_DIR "/vidmuse_train";
constexpr absl::Duration kPatience = absl::Minutes(4);

const Args kCodecSizes = {"--codec_dim=8", "--codec_filters=2", "--card=16", "--free_steps=3"};
const Args kTokenSizes = {"--card=16",        "--dim=16",          "--heads=2",
                          "--layers=1",       "--hidden_scale=1",  "--clip_width=192",
                          "--clip_layers=1",  "--clip_mlp=32",     "--temporal_layers=1",
                          "--local_frames=1", "--global_frames=1", "--hidden_history=0"};

Args operator+(Args a, const Args& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Args Train(const std::string& command, const Args& flags) {
  return Args{kTrain, command, "--seconds=1", "--batch=1", "--warmup=2"} + flags;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

void ExpectSameFile(const std::string& a, const std::string& b) {
  const std::string bytes = ReadFile(a);
  EXPECT_FALSE(bytes.empty()) << a;
  EXPECT_TRUE(bytes == ReadFile(b)) << a << " and " << b << " differ";
}

void ExpectSuccess(const Args& args) {
  const RunResult result = RunProgram(args, kPatience);
  ASSERT_EQ(result.exit_code, 0) << absl::StrJoin(args, " ") << "\n" << result.error;
}

// The error of a program that must fail.
std::string ErrorOf(const Args& args) {
  const RunResult result = RunProgram(args, kPatience);
  EXPECT_EQ(result.exit_code, 1) << absl::StrJoin(args, " ") << "\n" << result.error;
  return result.error;
}

class TrainCliTest : public testing::Test {
 protected:
  TrainCliTest() : folder_(FreshFolder()), manifest_(folder_ + "/clips/manifest.jsonl") {}

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  void MakeClips() const {
    ExpectSuccess({kTrain, "clips", "--out", Path("clips"), "--clips=2", "--seconds=2"});
  }

  Args Codec(const std::string& work, const std::string& out, int steps) const {
    return Train("codec", Args{"--manifest", manifest_, "--work_dir", Path(work), "--out",
                               Path(out), absl::StrCat("--steps=", steps)} +
                              kCodecSizes);
  }
  Args Tokens(const std::string& work, const std::string& out, int steps) const {
    return Train("tokens", Args{"--manifest", manifest_, "--work_dir", Path(work), "--out",
                                Path(out), absl::StrCat("--steps=", steps)} +
                               kTokenSizes);
  }

  void ExpectServes(const std::string& model) const {
    ExpectSuccess({VIDMUSE_BIN_DIR "/vidmuse_server", "--self_test", "--device", "cpu",
                   "--model_dir", Path(model)});
  }

  // Kills a run again and again, at the first sign of its progress, until one comes to its end.
  // Returns how many were killed.
  int RunThroughKills(const Args& args, const std::string& sign, int kills) const {
    for (int killed = 0;; ++killed) {
      const auto run = Subprocess::Start(args);
      EXPECT_TRUE(run.ok()) << run.status();
      if (killed < kills && (*run)->WaitForErrorLine(sign, kPatience).ok()) {
        (*run)->Signal(SIGKILL);
      }
      const auto code = (*run)->Wait(kPatience);
      if (code.ok() && *code == 128 + SIGKILL) continue;
      EXPECT_TRUE(code.ok() && *code == 0) << (*run)->error();
      return killed;
    }
  }

  const std::string folder_;
  const std::string manifest_;
};

TEST_F(TrainCliTest, FromClipsToAFinetunedModelThatTheServerLoads) {
  MakeClips();
  ExpectSuccess(Codec("work", "model", 6));
  ExpectSuccess(Tokens("work", "model", 4));
  ExpectServes("model");
  ExpectSuccess(Train(
      "tokens", {"--manifest", manifest_, "--work_dir", Path("more"), "--out", Path("finetuned"),
                 "--init", Path("model"), "--steps=3", "--local_frames=1", "--global_frames=1"}));
  ExpectServes("finetuned");
  ExpectSameFile(Path("model/compression_state_dict.bin"),
                 Path("finetuned/compression_state_dict.bin"));
  EXPECT_NE(ReadFile(Path("model/state_dict.bin")), ReadFile(Path("finetuned/state_dict.bin")));
  const std::string curve = ReadFile(Path("more/tokens.csv"));
  EXPECT_EQ(std::count(curve.begin(), curve.end(), '\n'), 4);  // a header and three steps
}

TEST_F(TrainCliTest, FinetunesAModelThatNamesAHuggingFaceCodec) {
  MakeClips();
  const std::string model = Path("model");
  ExpectSuccess({VIDMUSE_BIN_DIR "/vidmuse_make_model", "--out", model, "--clip_width=192"});
  std::filesystem::copy_file(VIDMUSE_TEST_DATA "/load_model/pretrained_codec.bin",
                             model + "/compression_state_dict.bin",
                             std::filesystem::copy_options::overwrite_existing);
  const Args finetune =
      Train("tokens", {"--manifest", manifest_, "--work_dir", Path("work"), "--out", Path("out"),
                       "--init", model, "--steps=2", "--local_frames=1", "--global_frames=1"});
  EXPECT_THAT(ErrorOf(finetune), HasSubstr("encodec_32khz/config.json"));
  ExpectSuccess(finetune + Args{"--codec_dir", VIDMUSE_TEST_DATA "/golden/hf_codec"});
  ExpectServes("out");
  ExpectSameFile(VIDMUSE_TEST_DATA "/golden/hf_codec/model.safetensors",
                 Path("out/encodec_32khz/model.safetensors"));
  // Now it is where the model expects it.
  ExpectSuccess(Train(
      "tokens", {"--manifest", manifest_, "--work_dir", Path("again"), "--out", Path("out"),
                 "--init", Path("out"), "--steps=1", "--local_frames=1", "--global_frames=1"}));
  ExpectServes("out");
  EXPECT_THAT(ErrorOf(Train("codec", {"--manifest", manifest_, "--work_dir", Path("again"), "--out",
                                      Path("other"), "--init", Path("out")})),
              HasSubstr("Hugging Face"));
}

TEST_F(TrainCliTest, KilledRunsGoOnToTheSameBytes) {
  constexpr int kSteps = 120, kKills = 3;
  MakeClips();
  const Args checkpoints = {"--checkpoint_steps=7"};
  // What a run that was killed while it wrote a checkpoint leaves behind.
  std::filesystem::create_directories(Path("cut"));
  std::ofstream(Path("cut/codec.bin.Ab3dE9")) << "PK";
  ExpectSuccess(Codec("whole", "whole", kSteps) + checkpoints);
  EXPECT_EQ(RunThroughKills(Codec("cut", "cut", kSteps) + checkpoints, "codec [", kKills), kKills);
  ExpectSuccess(Tokens("whole", "whole", kSteps) + checkpoints);
  // With a checkpoint at every step, most kills fall into writing one.
  EXPECT_EQ(RunThroughKills(Tokens("cut", "cut", kSteps) + Args{"--checkpoint_steps=1"}, "tokens [",
                            kKills),
            kKills);
  for (const char* name : {"compression_state_dict.bin", "state_dict.bin", "codec.csv",
                           "tokens.csv", "codec.bin", "tokens.bin"}) {
    ExpectSameFile(absl::StrCat(Path("whole/"), name), absl::StrCat(Path("cut/"), name));
  }
  for (const auto& entry : std::filesystem::directory_iterator(Path("cut"))) {
    EXPECT_THAT(entry.path().filename().string(), testing::Not(HasSubstr(".bin.")));
  }
}

TEST_F(TrainCliTest, OneRunAtATimeHasAFolder) {
  MakeClips();
  const Args endless = Codec("work", "model", 1'000'000);
  const auto run = Subprocess::Start(endless);
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_TRUE((*run)->WaitForErrorLine("codec [", kPatience).ok()) << (*run)->error();
  EXPECT_THAT(ErrorOf(endless), HasSubstr(Path("work") + ": another run"));
}

TEST_F(TrainCliTest, SaysWhatItCannotWrite) {
  MakeClips();
  std::ofstream(Path("file")) << "x";
  EXPECT_THAT(ErrorOf(Codec("file/work", "model", 2)),
              HasSubstr("cannot make " + Path("file/work")));
  EXPECT_THAT(ErrorOf(Codec("work", "file/model", 2)),
              HasSubstr("cannot make " + Path("file/model")));
  std::filesystem::create_directories(Path("full"));
  std::filesystem::create_symlink("/dev/full", Path("full/codec.csv"));
  EXPECT_THAT(ErrorOf(Codec("full", "model", 2)), HasSubstr("full/codec.csv: cannot be written"));
  // As on a full disk, a file can't grow beyond 8 KiB; what was written of it is gone.
  const Args limited = {"/bin/bash", "-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "-"};
  EXPECT_THAT(ErrorOf(limited + Codec("small", "model", 2)),
              AllOf(HasSubstr("cannot write " + Path("small/codec.bin")), HasSubstr("too large")));
  EXPECT_FALSE(std::filesystem::exists(Path("model")));
  for (const auto& entry : std::filesystem::directory_iterator(Path("small"))) {
    EXPECT_THAT(entry.path().filename().string(), testing::Not(HasSubstr("codec.bin")));
  }
}

TEST_F(TrainCliTest, SaysWhatItCannotRead) {
  std::filesystem::create_directories(Path("clips"));
  const auto with_manifest = [&](const std::string& text) {
    std::ofstream(manifest_) << text;
    return ErrorOf(Codec("work", "model", 2));
  };
  EXPECT_THAT(ErrorOf(Codec("work", "model", 2)), HasSubstr("manifest.jsonl: cannot be read"));
  EXPECT_THAT(with_manifest("\n{\"video\": 5, \"seconds\": 5}\n"),
              HasSubstr("manifest.jsonl, line 2: "));
  EXPECT_THAT(with_manifest("{\"video\": \"gone.mp4\", \"seconds\": 5}\n"),
              AllOf(HasSubstr("manifest.jsonl, line 1: "), HasSubstr("clips/gone.mp4: no such")));
  EXPECT_THAT(with_manifest("{\"video\": \"manifest.jsonl\", \"seconds\": 5}\n"),
              HasSubstr("clips/manifest.jsonl: Invalid data"));
  EXPECT_THAT(ErrorOf(Train("tokens", {"--work_dir", Path("work"), "--out", Path("model"), "--init",
                                       Path("nowhere")})),
              HasSubstr("nowhere/state_dict.bin"));
  EXPECT_THAT(ErrorOf({kTrain, "codec", "--out", Path("model")}), HasSubstr("--work_dir"));
  EXPECT_THAT(ErrorOf(Codec("work", "model", 0)), HasSubstr("--steps: 0 is out of range, allowed is [1, "));
  EXPECT_THAT(ErrorOf({kTrain}), HasSubstr("expected clips, codec, tokens or evaluate"));
}

}  // namespace
}  // namespace vidmuse::train
