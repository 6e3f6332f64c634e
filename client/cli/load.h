// `vidmuse load`: puts load on a service, and measures what its listeners would notice.
#ifndef VIDMUSE_CLIENT_CLI_LOAD_H_
#define VIDMUSE_CLIENT_CLI_LOAD_H_

#include "absl/status/status.h"
#include "client/cli/flags.h"
#include "client/music_client.h"

namespace vidmuse {

// Starts songs for options.seconds: a new one for each that ends (options.concurrency), or so many
// a second at random moments, whether others end or not (options.rate). Then it waits for those
// that run, prints a summary, and writes options.json. After a cancellation, running songs are cut
// off. Errors: the videos can't be read, the file can't be written, or no song was made whole.
absl::Status RunLoad(const CliOptions& options, MusicClient& client, Cancellation* cancellation);

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_CLI_LOAD_H_
