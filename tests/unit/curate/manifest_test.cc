#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/curate/raw_manifest.h"
#include "tests/unit/curate/folder.h"

namespace vidmuse::curate {
namespace {

using ::testing::HasSubstr;

TEST(RawManifest, ReadsClipsAndKeepsWhatElseIsSaid) {
  const Folder folder;
  const auto clips = ReadRawManifest(folder.Write("raw.jsonl", R"({"video_path": "a/one.mp4"}

{"id": "x_-9", "video_path": "/b/two.webm", "path": "two.wav", "category": "Music", "licence": "CC BY"}
)"));
  ASSERT_TRUE(clips.ok()) << clips.status();
  ASSERT_EQ(clips->size(), 2U);
  EXPECT_EQ((*clips)[0].id, "one");
  EXPECT_EQ((*clips)[0].video, folder / "a/one.mp4");
  EXPECT_EQ((*clips)[0].sound, (*clips)[0].video);
  EXPECT_TRUE((*clips)[0].source.empty());
  EXPECT_EQ((*clips)[1].id, "x_-9");
  EXPECT_EQ((*clips)[1].video, "/b/two.webm");
  EXPECT_EQ((*clips)[1].sound, folder / "two.wav");
  EXPECT_EQ((*clips)[1].source.dump(), R"({"category":"Music","licence":"CC BY"})");
}

TEST(RawManifest, ErrorsNameTheLine) {
  const Folder folder;
  for (const char* line :
       {"{", "[1]", "{}", R"({"video_path": 3})", R"({"video_path": "a.mp4"})",
        R"({"id": "../x", "video_path": "b.mp4"})", R"({"id": "", "video_path": "b.mp4"})",
        R"({"id": ".x", "video_path": "b.mp4"})"}) {
    const std::string text = absl::StrCat(R"({"video_path": "a.mp4"})", "\n", line, "\n");
    const auto clips = ReadRawManifest(folder.Write("raw.jsonl", text));
    EXPECT_EQ(clips.status().code(), absl::StatusCode::kInvalidArgument) << line;
    EXPECT_THAT(clips.status().message(), HasSubstr("raw.jsonl, line 2: ")) << line;
  }
  EXPECT_EQ(ReadRawManifest(folder / "none.jsonl").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace vidmuse::curate
