#include "core/base/whole_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/fresh_folder.h"

namespace vidmuse {
namespace {

using ::testing::HasSubstr;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

TEST(WriteWholeFile, ReplacesWhatIsThereAndLeavesNoParts) {
  const std::string folder = FreshFolder();
  const std::string path = folder + "/file";
  ASSERT_TRUE(WriteWholeFile(path, "one").ok());
  ASSERT_TRUE(WriteWholeFile(path, std::string("t\0wo", 4)).ok());
  EXPECT_EQ(ReadFile(path), std::string("t\0wo", 4));
  const std::filesystem::directory_iterator files(folder);
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST(WriteWholeFile, SaysWhyItCannotWrite) {
  const std::string folder = FreshFolder();
  const absl::Status nowhere = WriteWholeFile(folder + "/none/file", "x");
  EXPECT_EQ(nowhere.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(nowhere.message(), HasSubstr("No such file or directory"));
  EXPECT_THAT(nowhere.message(), HasSubstr(folder + "/none/file"));
  // The name is a folder's: nothing is left behind.
  std::filesystem::create_directories(folder + "/taken");
  EXPECT_EQ(WriteWholeFile(folder + "/taken", "x").code(), absl::StatusCode::kUnavailable);
  const std::filesystem::directory_iterator files(folder);
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

}  // namespace
}  // namespace vidmuse
