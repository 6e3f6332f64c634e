// Finds the tests' data files.
#ifndef VIDMUSE_TESTS_SUPPORT_TEST_DATA_H_
#define VIDMUSE_TESTS_SUPPORT_TEST_DATA_H_

#include <cstdlib>
#include <string>

namespace vidmuse {

// The path of a file in tests/data. On a machine without the source tree, the environment variable
// VIDMUSE_TEST_DATA names that folder.
inline std::string TestData(const std::string& name) {
  const char* folder = std::getenv("VIDMUSE_TEST_DATA");
  return std::string(folder == nullptr ? VIDMUSE_TEST_DATA : folder) + "/" + name;
}

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_TEST_DATA_H_
