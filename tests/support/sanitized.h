// Tells a test whether it is built with a sanitizer (see cmake/vidmuse.cmake).
#ifndef VIDMUSE_TESTS_SUPPORT_SANITIZED_H_
#define VIDMUSE_TESTS_SUPPORT_SANITIZED_H_

namespace vidmuse {

#ifdef VIDMUSE_SANITIZED
// With a sanitizer, resident memory says nothing, because freed memory is kept.
inline constexpr bool kSanitized = true;
// The factor by which tests wait longer than usual for something that must happen.
inline constexpr int kPatience = 8;
#else
inline constexpr bool kSanitized = false;
inline constexpr int kPatience = 1;
#endif

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_SANITIZED_H_
