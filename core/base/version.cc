#include "core/base/version.h"

#include <cstdio>

#include "absl/strings/string_view.h"

namespace vidmuse {

const char* Version() { return VIDMUSE_VERSION; }

bool PrintVersionIfAsked(int argc, char** argv) {
  if (argc < 2 || absl::string_view(argv[1]) != "--version") return false;
  absl::string_view name = argv[0];
  name.remove_prefix(name.rfind('/') + 1);  // npos + 1 is 0
  std::printf("%.*s %s\n", static_cast<int>(name.size()), name.data(), VIDMUSE_VERSION);
  return true;
}

}  // namespace vidmuse
