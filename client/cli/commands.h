// The commands of `vidmuse`.
#ifndef VIDMUSE_CLIENT_CLI_COMMANDS_H_
#define VIDMUSE_CLIENT_CLI_COMMANDS_H_

#include "absl/status/status.h"
#include "client/cli/flags.h"
#include "client/music_client.h"

namespace vidmuse {

// Makes the audio file and, on success, prints a summary on standard error. A run that fails leaves
// nothing under the output's name. If --tokens FILE was given, it keeps its tokens in FILE.part.
absl::Status RunGenerate(const CliOptions& options, Cancellation* cancellation);

// Puts load on the servers: see load.h.
absl::Status RunLoad(const CliOptions& options, Cancellation* cancellation);

// Prints what the server reports about its model.
absl::Status RunModels(const CliOptions& options);

// Prints SERVING, or returns an error if any server does not serve.
absl::Status RunHealth(const CliOptions& options);

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_CLI_COMMANDS_H_
