#include "core/base/whole_file.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <random>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace vidmuse {

absl::Status WriteWholeFile(const std::string& path, absl::string_view bytes) {
  // Processes of several machines may write to one folder, so a process's number isn't enough.
  std::random_device random;
  const std::string part = absl::StrCat(path, ".", absl::Hex(random(), absl::kZeroPad8),
                                        absl::Hex(random(), absl::kZeroPad8), ".part");
  errno = 0;
  std::ofstream file(part, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  std::error_code error(file ? 0 : (errno != 0 ? errno : EIO), std::generic_category());
  if (!error) std::filesystem::rename(part, path, error);
  if (!error) return absl::OkStatus();
  std::error_code ignored;
  std::filesystem::remove(part, ignored);
  return absl::UnavailableError(absl::StrCat(path, ": can't be written: ", error.message()));
}

}  // namespace vidmuse
