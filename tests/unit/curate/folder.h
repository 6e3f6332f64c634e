// A new, empty folder for a test's files.
#ifndef VIDMUSE_TESTS_UNIT_CURATE_FOLDER_H_
#define VIDMUSE_TESTS_UNIT_CURATE_FOLDER_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace vidmuse::curate {

class Folder {
 public:
  Folder() {
    std::string path = ::testing::TempDir() + "/curateXXXXXX";
    EXPECT_NE(mkdtemp(path.data()), nullptr);
    path_ = path;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(*this / name) << text;
    return *this / name;
  }
  std::string Read(const std::string& name) const {
    std::ifstream file(*this / name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

 private:
  std::string path_;
};

}  // namespace vidmuse::curate

#endif  // VIDMUSE_TESTS_UNIT_CURATE_FOLDER_H_
