// The server's options: one struct, filled from a table of flags.
#ifndef VIDMUSE_SERVER_OPTIONS_H_
#define VIDMUSE_SERVER_OPTIONS_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "vidmuse/generator.h"

namespace vidmuse {

struct ServerOptions {
  GeneratorOptions generator;
  std::string listen = "127.0.0.1:50051";
  std::string metrics_listen = "127.0.0.1:9090";  // empty: no metrics
  std::string tls_cert;                           // empty: plain text
  std::string tls_key;                            // set if tls_cert is
  std::string tls_client_ca;                      // set: clients need a certificate
  std::string api_keys_file;                      // empty: no keys are needed
  int max_message_bytes = 4 << 20;
  double drain_seconds = 30;
  int max_concurrent_uploads = 64;
  int max_uploads_per_key = 0;   // 0: half of max_concurrent_uploads
  int max_requests_per_key = 0;  // 0: half of max_queued_requests and max_batch together
  int max_connections = 1024;
  double upload_timeout_seconds = 600;        // of the whole upload
  double upload_idle_timeout_seconds = 30;    // between two messages of it
  double first_message_timeout_seconds = 10;  // of a call that says nothing
  double min_upload_bytes_per_second = 1000;  // on average; 0: any
  double max_connection_age_seconds = 0;      // 0: connections stay
  double self_test_seconds = 60;              // for the self-test; then the process ends
  bool self_test = false;                     // --self_test was asked for
  bool help = false;                          // --help was asked for
  std::set<std::string> given;                // names of the flags that were set
};

// Whether `address`, host:port, can be reached from this machine alone.
bool IsLoopback(absl::string_view address);

// Fills the options from `args` (without the program's name) and from the file that --config names.
// The command line wins over the file, a later flag over an earlier one. --self_test needs no
// --model_dir.
// INVALID_ARGUMENT: an unknown flag, a value of the wrong type or out of range, a missing
// --model_dir, a certificate without its key. NOT_FOUND: no such config file.
absl::StatusOr<ServerOptions> ParseOptions(const std::vector<std::string>& args);

// What --help prints: every flag with its type, default and meaning.
std::string OptionsHelp();

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_OPTIONS_H_
