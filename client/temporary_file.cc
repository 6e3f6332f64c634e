#include "client/temporary_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"

namespace vidmuse {

absl::StatusOr<int> OpenTemporaryFile() {
  const char* folder = std::getenv("TMPDIR");
  std::string name =
      absl::StrCat(folder == nullptr || *folder == '\0' ? "/tmp" : folder, "/vidmuse-XXXXXX");
  const int file = mkostemp(name.data(), O_CLOEXEC);
  if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("opening ", name));
  unlink(name.c_str());
  return file;
}

}  // namespace vidmuse
