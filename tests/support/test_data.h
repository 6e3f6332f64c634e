// Where tests find their data.
#ifndef VIDMUSE_TESTS_SUPPORT_TEST_DATA_H_
#define VIDMUSE_TESTS_SUPPORT_TEST_DATA_H_

#include <cstdlib>
#include <string>

namespace vidmuse {

// A file of tests/data; the environment's VIDMUSE_TEST_DATA says where that is on a machine that
// hasn't the source tree.
inline std::string TestData(const std::string& name) {
  const char* folder = std::getenv("VIDMUSE_TEST_DATA");
  return std::string(folder == nullptr ? VIDMUSE_TEST_DATA : folder) + "/" + name;
}

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_TEST_DATA_H_
