// The command line of `vidmuse`: its commands and flags.
#ifndef VIDMUSE_CLIENT_CLI_FLAGS_H_
#define VIDMUSE_CLIENT_CLI_FLAGS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/mux/mux_video.h"
#include "core/base/flag_table.h"
#include "vidmuse/v1/music.pb.h"

namespace vidmuse {

enum class Command { kHelp, kGenerate, kModels, kHealth, kLoad };

struct CliOptions {
  Command command = Command::kHelp;
  std::vector<std::string> servers = {"127.0.0.1:50051"};
  bool tls = false;
  std::string tls_ca;    // empty: the system's authorities
  std::string tls_cert;  // this client's own certificate; empty: none
  std::string tls_key;
  std::string api_key_file;  // empty: the key in the environment, if there is one
  bool allow_plaintext_api_key = false;
  std::string otlp_endpoint;  // for `generate` and `load`; empty: see OtlpEndpoint
  std::string service;        // for `health`; empty: the server as a whole
  std::string video;          // "-": standard input
  std::string output;         // "-": standard output
  std::string prompt;         // empty: the song begins with no tune
  std::string tokens;         // empty: no tokens are written
  std::string resume;         // empty: the song begins at its start
  OriginalAudio original_audio = OriginalAudio::kDrop;  // if the output is a video
  double music_gain_db = 0;                             // if the output is a video
  int concurrency = 0;       // for `load`: songs at once; 0: `rate` is set
  double rate = 0;           // for `load`: songs a second; 0: `concurrency` is set
  double load_seconds = 60;  // for `load`
  std::string json;          // for `load`; empty: no file is written
  absl::Duration deadline = absl::InfiniteDuration();
  v1::GenerateMusicConfig config;
};

// How the music gets under the video. `cancelled`: see MuxOptions.
MuxOptions ToMuxOptions(const CliOptions& options, std::function<bool()> cancelled);

// The flags that a command takes.
FlagTable<CliOptions> FlagsOf(Command command);

// The flags of every command: servers, TLS, keys.
FlagTable<CliOptions> ConnectionFlagTable();
// The flags of `generate` that say how the song is made, and how it is put under a video.
FlagTable<CliOptions> SongFlagTable();

// INVALID_ARGUMENT: flags for TLS that don't go together.
absl::Status CheckTls(const CliOptions& options);
// INVALID_ARGUMENT: one of --tls_cert and --tls_key is set without the other.
absl::Status CheckTlsPair(const std::string& cert, const std::string& key);
// Sets the format that the flags leave to the output's extension. INVALID_ARGUMENT: a flag doesn't
// go with that.
absl::Status SetFormat(CliOptions* options);

// Parses `args` (without the program's name): a command and its flags. Fails with INVALID_ARGUMENT
// for an unknown command or flag, a value of the wrong kind, or a missing flag. The server checks
// the ranges.
absl::StatusOr<CliOptions> ParseCommandLine(const std::vector<std::string>& args);

// The help text, which lists all commands and flags.
std::string HelpText();

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_CLI_FLAGS_H_
