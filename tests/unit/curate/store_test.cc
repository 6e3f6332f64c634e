#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/curate/measurement_store.h"
#include "tests/unit/curate/folder.h"

namespace vidmuse::curate {
namespace {

TEST(MeasurementStore, GivesBackWhatWasMeasuredWithTheSameSettings) {
  const Folder folder;
  const MeasurementStore store(folder.path());
  EXPECT_FALSE(store.Find("probe", "1", "clip").has_value());
  ASSERT_TRUE(store.Save("probe", "1", "clip", {{"seconds", 40.5}, {"name", "\xff"}}).ok());
  const auto found = store.Find("probe", "1", "clip");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ((*found)["seconds"], 40.5);
  EXPECT_FALSE(store.Find("probe", "2", "clip").has_value());
  EXPECT_FALSE(store.Find("static", "1", "clip").has_value());
  EXPECT_FALSE(store.Find("probe", "1", "clip2").has_value());
}

TEST(MeasurementStore, MeasuresAnewWhatIsDamaged) {
  const Folder folder;
  const MeasurementStore store(folder.path());
  ASSERT_TRUE(store.Save("probe", "1", "clip", {{"seconds", 40.5}}).ok());
  const std::string path = store.FileOf("probe", "clip", ".json");
  const auto size = std::filesystem::file_size(path);
  for (uintmax_t cut = 0; cut < size; ++cut) {
    std::filesystem::resize_file(path, cut);
    EXPECT_FALSE(store.Find("probe", "1", "clip").has_value()) << cut;
    ASSERT_TRUE(store.Save("probe", "1", "clip", {{"seconds", 40.5}}).ok());
  }
}

TEST(MeasurementStore, SaysWhereItCannotWrite) {
  const Folder folder;
  folder.Write("probe", "a file where a folder should be");
  const absl::Status status = MeasurementStore(folder.path()).Save("probe", "1", "clip", {});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(status.message().find(folder.path() + "/probe"), std::string::npos) << status;
  // A part isn't left behind when the file's name is taken by a folder.
  std::filesystem::create_directories(folder / "there");
  EXPECT_EQ(WriteWhole(folder / "there", "x").code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace vidmuse::curate
