// Where the warnings of libraries go, which belong to no request and to no error.
#ifndef VIDMUSE_BASE_LIBRARY_WARNINGS_H_
#define VIDMUSE_BASE_LIBRARY_WARNINGS_H_

#include "absl/strings/string_view.h"

namespace vidmuse {

// `library` is a short name in lower case, such as "torch". Must be thread-safe.
using LibraryWarningHandler = void (*)(absl::string_view library, absl::string_view message);

// Replaces the handler, which by default prints a line to standard error. Thread-safe.
void SetLibraryWarningHandler(LibraryWarningHandler handler);

// Hands a warning to the handler. Thread-safe.
void WarnOfLibrary(absl::string_view library, absl::string_view message);

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_LIBRARY_WARNINGS_H_
