// FUZZ_REQUIRE checks what must hold for every input. It aborts the process otherwise, in every
// build.
#ifndef VIDMUSE_TESTS_FUZZ_REQUIRE_H_
#define VIDMUSE_TESTS_FUZZ_REQUIRE_H_

#include <cstdio>
#include <cstdlib>

#define FUZZ_REQUIRE(condition)                                                      \
  do {                                                                               \
    if (!(condition)) {                                                              \
      std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                  \
    }                                                                                \
  } while (false)

#endif  // VIDMUSE_TESTS_FUZZ_REQUIRE_H_
