#include "core/base/library_warnings.h"

#include <atomic>
#include <cstdio>

namespace vidmuse {
namespace {

void PrintWarning(absl::string_view library, absl::string_view message) {
  std::fprintf(stderr, "%.*s warns: %.*s\n", static_cast<int>(library.size()), library.data(),
               static_cast<int>(message.size()), message.data());
}

std::atomic<LibraryWarningHandler> warning_handler = PrintWarning;

}  // namespace

void SetLibraryWarningHandler(LibraryWarningHandler handler) { warning_handler = handler; }

void WarnOfLibrary(absl::string_view library, absl::string_view message) {
  warning_handler.load()(library, message);
}

}  // namespace vidmuse
