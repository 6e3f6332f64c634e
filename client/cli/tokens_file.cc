#include "client/cli/tokens_file.h"

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/output_file.h"
#include "client/video_source.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

// Enough for well over an hour of music.
constexpr uint64_t kMaxFileBytes = 64 << 20;
constexpr uint32_t kMaxToken = 0xffff;
// Errors quote at most this many characters of a wrong token.
constexpr size_t kMaxQuoted = 40;

absl::Status ParseLine(absl::string_view line, std::string* tokens) {
  // The number of fields is limited, because a file of spaces would make millions of them.
  const std::vector<absl::string_view> fields =
      absl::StrSplit(line, absl::MaxSplits(' ', kTokensPerLine));
  if (fields.size() != kTokensPerLine) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected ", kTokensPerLine, " tokens, found ",
                     fields.size() > kTokensPerLine ? "more" : absl::StrCat(fields.size())));
  }
  for (absl::string_view field : fields) {
    uint32_t token = 0;
    if (!absl::SimpleAtoi(field, &token) || token > kMaxToken) {
      return absl::InvalidArgumentError(absl::StrCat("'", field.substr(0, kMaxQuoted),
                                                     "' is not a token (0 to ", kMaxToken, ")"));
    }
    tokens->push_back(static_cast<char>(token & 0xff));
    tokens->push_back(static_cast<char>(token >> 8));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteTokensFile(const std::string& path, absl::string_view tokens) {
  std::string text;
  text.reserve(tokens.size() * 3);
  for (size_t i = 0; i + 1 < tokens.size(); i += 2) {
    const int low = static_cast<unsigned char>(tokens[i]);
    const int high = static_cast<unsigned char>(tokens[i + 1]);
    const bool ends_line = (i / 2 + 1) % kTokensPerLine == 0;
    absl::StrAppend(&text, low | high << 8, ends_line ? "\n" : " ");
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<OutputFile> file, OutputFile::Create(path));
  RETURN_IF_ERROR(file->Append(text));
  return file->Commit();
}

absl::StatusOr<std::string> ParseTokens(absl::string_view name, absl::string_view text) {
  std::string tokens;
  int line_number = 0;
  while (!text.empty()) {
    ++line_number;
    const size_t end = text.find('\n');
    const absl::Status status = ParseLine(text.substr(0, end), &tokens);
    if (!status.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ":", line_number, ": ", status.message()));
    }
    text.remove_prefix(end == absl::string_view::npos ? text.size() : end + 1);
  }
  if (tokens.empty()) return absl::InvalidArgumentError(absl::StrCat(name, " holds no tokens"));
  return tokens;
}

absl::StatusOr<std::string> ReadTokensFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::unique_ptr<VideoSource> file, VideoSource::OpenFile(path));
  if (file->size() > kMaxFileBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has ", file->size(), " bytes, more than ", kMaxFileBytes));
  }
  std::string text;
  RETURN_IF_ERROR(file->ReadAt(0, file->size(), &text));
  return ParseTokens(path, text);
}

}  // namespace vidmuse
