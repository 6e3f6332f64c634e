// Fuzzes the reader of tokens files, which `vidmuse generate --resume` uses.
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/tokens_file.h"
#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/require.h"

namespace {

// The tokens file as WriteTokensFile writes it, one line per frame.
std::string ToText(const std::string& tokens) {
  std::string text;
  for (size_t i = 0; i < tokens.size(); i += 2) {
    const int token = static_cast<uint8_t>(tokens[i]) | static_cast<uint8_t>(tokens[i + 1]) << 8;
    const bool last = (i / 2 + 1) % vidmuse::kTokensPerLine == 0;
    absl::StrAppend(&text, token, last ? "\n" : " ");
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const vidmuse::MemoryFile file({reinterpret_cast<const char*>(data), size});
  const auto tokens = vidmuse::ReadTokensFile(file.path());
  if (!tokens.ok()) {
    FUZZ_REQUIRE(tokens.status().message().size() < 500);
    return 0;
  }
  FUZZ_REQUIRE(!tokens->empty());
  FUZZ_REQUIRE(tokens->size() % (2 * vidmuse::kTokensPerLine) == 0);
  const vidmuse::MemoryFile again(ToText(*tokens));
  const auto same = vidmuse::ReadTokensFile(again.path());
  FUZZ_REQUIRE(same.ok() && *same == *tokens);
  return 0;
}
