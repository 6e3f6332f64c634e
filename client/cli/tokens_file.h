// Tokens as text. Each line is one frame: the tokens of its codebooks, separated by spaces.
#ifndef VIDMUSE_CLIENT_CLI_TOKENS_FILE_H_
#define VIDMUSE_CLIENT_CLI_TOKENS_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace vidmuse {

inline constexpr int kTokensPerLine = 4;

// `tokens` holds whole frames, packed as in v1::AudioChunk.tokens. Replaces the file atomically.
absl::Status WriteTokensFile(const std::string& path, absl::string_view tokens);

// Parses the text of a tokens file and returns the tokens, packed as above. Errors begin with
// `name` and name the line and what is wrong with it.
absl::StatusOr<std::string> ParseTokens(absl::string_view name, absl::string_view text);

// Returns the tokens, packed as above. Errors name the file, the line and what is wrong with it.
absl::StatusOr<std::string> ReadTokensFile(const std::string& path);

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_CLI_TOKENS_FILE_H_
