// Files for the tests of checkpoints.
#ifndef VIDMUSE_TESTS_UNIT_MODEL_CHECKPOINT_TEST_UTIL_H_
#define VIDMUSE_TESTS_UNIT_MODEL_CHECKPOINT_TEST_UTIL_H_

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "core/model/checkpoint/zip_writer.h"
#include "gtest/gtest.h"

namespace vidmuse {

inline std::string DataPath(const std::string& name) { return VIDMUSE_TEST_DATA "/" + name; }

inline std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  std::ostringstream contents;
  contents << in.rdbuf();
  return contents.str();
}

// A directory of the running test's own, empty at first, gone at its end.
class TempDirectory {
 public:
  TempDirectory() {
    std::string path = ::testing::TempDir() + "vidmuse_XXXXXX";
    EXPECT_NE(mkdtemp(path.data()), nullptr);
    path_ = path;
  }
  ~TempDirectory() { std::filesystem::remove_all(path_); }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  std::string path(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The bytes of a zip file with these entries.
inline std::string MakeZip(const std::vector<std::pair<std::string, std::string>>& entries) {
  TempDirectory directory;
  auto writer = ZipWriter::Create(directory.path("file"));
  EXPECT_TRUE(writer.ok()) << writer.status();
  for (const auto& [name, contents] : entries) EXPECT_TRUE((*writer)->Add(name, contents).ok());
  EXPECT_TRUE((*writer)->Finish().ok());
  return ReadFile(directory.path("file"));
}

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_UNIT_MODEL_CHECKPOINT_TEST_UTIL_H_
