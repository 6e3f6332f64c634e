// Clips as files, and what can be heard in them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include "core/train/clip_source.h"
#include "core/train/clip_spec.h"
#include "core/train/media_files.h"
#include "core/train/music_analysis.h"
#include "core/train/synthetic_music.h"
#include "tests/unit/train/train_test_util.h"

namespace vidmuse::train {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(ClipFilesTest, AreReadAsTheyWereMade) {
  const std::string folder = FreshFolder();
  ASSERT_TRUE(WriteClips(5, 2, 3, folder).ok());
  const auto clips = ManifestClips(folder + "/manifest.jsonl", 2);
  ASSERT_TRUE(clips.ok()) << clips.status();
  ASSERT_EQ((*clips)->size(), 2);
  const auto audio = (*clips)->Audio(1);
  ASSERT_TRUE(audio.ok()) << audio.status();
  const std::vector<float> expected = SynthesizeMusic(MakeClipSpec(6), 2);
  ASSERT_EQ(audio->size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) ASSERT_NEAR((*audio)[i], expected[i], 1e-4) << i;

  std::vector<uint8_t> read(kFrameBytes), made(kFrameBytes);
  ASSERT_TRUE((*clips)->LocalFrames(1, {2}, read.data()).ok());
  // Frame 26 of 25 a second, every 13th being a local one.
  ASSERT_TRUE(SyntheticClips(6, 1, 3)->LocalFrames(0, {2}, made.data()).ok());
  double difference = 0;
  for (size_t i = 0; i < kFrameBytes; ++i) difference += std::abs(int{read[i]} - int{made[i]});
  EXPECT_LT(difference / kFrameBytes, 12);
  EXPECT_TRUE(
      (*clips)->GlobalFrames(0, {0, 31}, std::vector<uint8_t>(2 * kFrameBytes).data()).ok());
}

// The published code's manifest, which vidmuse_curate writes too.
TEST(ClipFilesTest, AreReadByThePublishedNames) {
  const std::string folder = FreshFolder();
  ASSERT_TRUE(WriteClips(5, 1, 3, folder).ok());
  const std::string path = folder + "/published.jsonl";
  std::ofstream(path) << R"({"path": "clip_5.wav", "video_path": "clip_5.mp4", "duration": 3.0, )"
                         R"("sample_rate": 32000, "amplitude": null, "weight": null, )"
                         R"("info_path": null})"
                      << "\n";
  const auto clips = ManifestClips(path, 2);
  ASSERT_TRUE(clips.ok()) << clips.status();
  const auto audio = (*clips)->Audio(0);
  ASSERT_TRUE(audio.ok()) << audio.status();
  const auto own = ManifestClips(folder + "/manifest.jsonl", 2);
  ASSERT_TRUE(own.ok()) << own.status();
  EXPECT_EQ(*audio, *(*own)->Audio(0));
}

TEST(ClipFilesTest, ErrorsNameTheFileAndTheLine) {
  const std::string folder = FreshFolder();
  const std::string path = folder + "/manifest.jsonl";
  const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
  EXPECT_EQ(ManifestClips(path, 2).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(WriteClips(0, 1, 2, folder).ok());
  write("{\"video\": \"clip_0.mp4\", \"seconds\": 5}\nnonsense\n");
  EXPECT_THAT(ManifestClips(path, 2).status().message(), HasSubstr("line 2"));
  write("{\"video\": \"clip_0.mp4\", \"seconds\": 1}\n");
  EXPECT_THAT(ManifestClips(path, 2).status().message(), HasSubstr("at least 2 s"));
  // A file that isn't there.
  write(
      "{\"video\": \"clip_0.mp4\", \"audio\": \"clip_0.wav\", \"seconds\": 5}\n"
      "{\"video\": \"a.mp4\", \"seconds\": 5}\n");
  const absl::Status missing = ManifestClips(path, 2).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(missing.message(), AllOf(HasSubstr("manifest.jsonl, line 2: "), HasSubstr("a.mp4")));
  // A video without sound, and one that is none.
  EXPECT_THAT(ReadAudio(folder + "/clip_0.mp4", 0, 1).status().message(), HasSubstr("clip_0.mp4"));
  EXPECT_THAT(ReadVideo(path).status().message(), HasSubstr("manifest.jsonl: "));
}

TEST(MusicAnalysisTest, HearsTempoAndModeOfSyntheticMusic) {
  int right = 0;
  constexpr int kClips = 12;
  for (uint64_t seed = 0; seed < kClips; ++seed) {
    const ClipSpec spec = MakeClipSpec(seed);
    const auto measures = MeasureMusic(SynthesizeMusic(spec, 6));
    ASSERT_TRUE(measures.ok()) << measures.status();
    right += measures->tempo == spec.tempo && measures->minor == spec.minor;
    EXPECT_LT(measures->flatness, 0.01);
    EXPECT_NEAR(measures->onsets_per_second, 50.0 / kNoteFrames[spec.tempo], 1);
  }
  EXPECT_EQ(right, kClips);
}

TEST(MusicAnalysisTest, NoiseIsFlat) {
  Random random(1, "noise");
  std::vector<float> noise(4 * kMusicRate);
  for (float& sample : noise) sample = static_cast<float>(0.1 * random.Normal());
  const auto measures = MeasureMusic(noise);
  ASSERT_TRUE(measures.ok());
  EXPECT_NEAR(measures->flatness, 0.56, 0.05);
  EXPECT_FALSE(MeasureMusic(std::vector<float>(100)).ok());
}

}  // namespace
}  // namespace vidmuse::train
