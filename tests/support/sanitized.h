// What a test must know of the sanitizer it is built with (see cmake/vidmuse.cmake).
#ifndef VIDMUSE_TESTS_SUPPORT_SANITIZED_H_
#define VIDMUSE_TESTS_SUPPORT_SANITIZED_H_

namespace vidmuse {

#ifdef VIDMUSE_SANITIZED
inline constexpr bool kSanitized = true;  // resident memory says nothing: what is freed is kept
// How much longer than usual a test waits for what must happen.
inline constexpr int kPatience = 8;
#else
inline constexpr bool kSanitized = false;
inline constexpr int kPatience = 1;
#endif

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_SANITIZED_H_
