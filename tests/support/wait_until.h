// Waits for what nothing announces.
#ifndef VIDMUSE_TESTS_SUPPORT_WAIT_UNTIL_H_
#define VIDMUSE_TESTS_SUPPORT_WAIT_UNTIL_H_

#include <chrono>
#include <thread>

#include "tests/support/sanitized.h"

namespace vidmuse {

// Asks again and again until the condition holds. Returns false if that takes over 60 s, or eight
// times as long with a sanitizer.
template <typename Condition>
bool WaitUntil(const Condition& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience * std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_WAIT_UNTIL_H_
