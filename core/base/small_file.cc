#include "core/base/small_file.h"

#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace vidmuse {

absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t max_bytes) {
  std::error_code error;
  // Anything but a regular file is refused, because opening a pipe would wait for its writer.
  if (!std::filesystem::is_regular_file(path, error)) {
    return absl::NotFoundError(absl::StrCat(path, ": no such file"));
  }
  std::ifstream file(path, std::ios::binary);
  std::string text(max_bytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.eof() && file.fail()) {
    return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  }
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > max_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": over ", max_bytes, " bytes"));
  }
  return text;
}

absl::StatusOr<std::string> ReadNonEmptyFile(const std::string& path, size_t max_bytes) {
  absl::StatusOr<std::string> text = ReadSmallFile(path, max_bytes);
  if (!text.ok() || !text->empty()) return text;
  return absl::InvalidArgumentError(absl::StrCat(path, " is empty"));
}

}  // namespace vidmuse
