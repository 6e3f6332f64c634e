// The command line of `vidmuse`: commands and flags, from one table.
#ifndef VIDMUSE_CLIENT_CLI_FLAGS_H_
#define VIDMUSE_CLIENT_CLI_FLAGS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "vidmuse/v1/music.pb.h"

namespace vidmuse {

enum class Command { kHelp, kGenerate, kModels, kHealth };

struct CliOptions {
  Command command = Command::kHelp;
  std::vector<std::string> servers = {"127.0.0.1:50051"};
  bool tls = false;
  std::string tls_ca;    // empty: the system's authorities
  std::string tls_cert;  // with tls_key: this client's own; empty: none
  std::string tls_key;
  std::string api_key_file;  // empty: the environment's key, if there is one
  bool allow_plaintext_api_key = false;
  std::string service;  // of `health`; empty: the server as a whole
  std::string video;    // "-": standard input
  std::string output;   // "-": standard output
  std::string tokens;   // empty: none written
  std::string resume;   // empty: from the start
  absl::Duration deadline = absl::InfiniteDuration();
  v1::GenerateMusicConfig config;
};

// Parses `args` (without the program's name). Flags are `--name value` or `--name=value`.
// INVALID_ARGUMENT: an unknown command or flag, a value of the wrong kind, a missing flag. Ranges
// are the server's to check.
absl::StatusOr<CliOptions> ParseCommandLine(const std::vector<std::string>& args);

// All commands and flags.
std::string HelpText();

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_CLI_FLAGS_H_
