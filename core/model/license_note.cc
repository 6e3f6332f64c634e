#include "core/model/license_note.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace vidmuse {
namespace {

bool IsUtf8(const std::string& text) try {
  static_cast<void>(nlohmann::json(text).dump());
  return true;
} catch (const nlohmann::json::type_error&) {
  return false;
}

}  // namespace

absl::StatusOr<std::string> ReadLicenseNote(const std::string& model_dir) {
  const std::string path = absl::StrCat(model_dir, "/", kLicenseNoteFile);
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error) return std::string();
  // Reads one byte more than is allowed, to detect longer files.
  std::string text(kMaxLicenseNoteBytes + 1, '\0');
  std::ifstream stream(path, std::ios::binary);
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!stream.is_open() || stream.bad() || !std::filesystem::is_regular_file(path, error)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": cannot be read"));
  }
  text.resize(static_cast<size_t>(stream.gcount()));
  if (text.size() > kMaxLicenseNoteBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": more than ", kMaxLicenseNoteBytes, " bytes are too many for a note"));
  }
  if (!IsUtf8(text)) return absl::InvalidArgumentError(absl::StrCat(path, ": is not UTF-8"));
  return std::string(absl::StripAsciiWhitespace(text));
}

}  // namespace vidmuse
