// What each command of `vidmuse` does.
#ifndef VIDMUSE_CLIENT_CLI_COMMANDS_H_
#define VIDMUSE_CLIENT_CLI_COMMANDS_H_

#include "absl/status/status.h"
#include "client/cli/flags.h"
#include "client/music_client.h"

namespace vidmuse {

// Makes the file, and on success says one line about it on standard error. A run that fails leaves
// nothing under the output's name; its tokens, if asked for, are kept beside theirs as FILE.part.
absl::Status RunGenerate(const CliOptions& options, Cancellation* cancellation);

// Prints what the server tells about its model.
absl::Status RunModels(const CliOptions& options);

// Prints SERVING; an error if any server does not serve.
absl::Status RunHealth(const CliOptions& options);

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_CLI_COMMANDS_H_
