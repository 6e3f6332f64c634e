// A place for a test's files.
#ifndef VIDMUSE_TESTS_SUPPORT_FRESH_FOLDER_H_
#define VIDMUSE_TESTS_SUPPORT_FRESH_FOLDER_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace vidmuse {

// A folder of this test's own, empty.
inline std::string FreshFolder() {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  const std::string folder = testing::TempDir() + test->test_suite_name() + "." + test->name();
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_FRESH_FOLDER_H_
