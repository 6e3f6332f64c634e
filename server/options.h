// The server's options: one struct, filled from the command line and a file.
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
  std::string tls_key;                            // set if and only if tls_cert is
  std::string tls_client_ca;                      // set: clients need a certificate
  std::string api_keys_file;                      // empty: no keys are needed
  int max_message_bytes = 4 << 20;
  double drain_seconds = 30;
  int max_concurrent_uploads = 64;
  int max_uploads_per_key = 0;   // 0: half of max_concurrent_uploads
  int max_requests_per_key = 0;  // 0: half of max_queued_requests and max_batch together
  int max_connections = 1024;
  double upload_timeout_seconds = 600;        // for the whole upload
  double upload_idle_timeout_seconds = 30;    // between two messages of the upload
  double first_message_timeout_seconds = 10;  // from the start of the call
  double min_upload_bytes_per_second = 1000;  // on average; 0: no minimum
  double max_connection_age_seconds = 0;      // 0: no limit
  double self_test_seconds = 60;              // the process ends if the self-test takes longer
  std::string config;                         // the file that --config names; already read
  std::string otlp_endpoint;                  // empty: see OtlpEndpoint
  double trace_sample_share = 1;              // of the traces that begin here
  bool self_test = false;                     // --self_test was asked for
  bool help = false;                          // --help was asked for
  std::set<std::string> given;                // names of the flags that were set
};

// Fills the options from `args` (without the program's name) and from the file that --config names.
// The command line wins over the file, and a later flag over an earlier one. --model_dir may be
// missing if --self_test is given. Fails with INVALID_ARGUMENT for an unknown flag, a value of the
// wrong type or out of range, a missing --model_dir, or a certificate without its key, and with
// NOT_FOUND if the config file does not exist.
absl::StatusOr<ServerOptions> ParseOptions(const std::vector<std::string>& args);

// What --help prints: every flag with its type, default and meaning.
std::string OptionsHelp();

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_OPTIONS_H_
