// The command line of `vidmuse_gateway`.
#ifndef VIDMUSE_CLIENT_GATEWAY_GATEWAY_OPTIONS_H_
#define VIDMUSE_CLIENT_GATEWAY_GATEWAY_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/flags.h"
#include "core/base/flag_table.h"

namespace vidmuse {

struct GatewayOptions {
  CliOptions servers;                     // the flags that `vidmuse` connects by
  std::string listen = "127.0.0.1:8080";  // host:port, [IPv6]:port; port 0: a free one
  std::string tls_cert;                   // of this gateway; empty: plain HTTP
  std::string tls_key;
  std::string cors_origin;  // that browsers may call from; "*": any; empty: none
  int max_connections = 256;
  int max_connections_per_client = 64;  // of one IP address
  uint64_t max_video_bytes = uint64_t{512} << 20;
  uint64_t max_upload_bytes = uint64_t{8} << 30;  // of all uploads together, on disk
  uint64_t max_upload_bytes_per_client = uint64_t{2} << 30;
  int header_timeout_seconds = 10;
  int idle_timeout_seconds = 60;
  int request_timeout_seconds = 3600;
  int busy_wait_seconds = 10;
  int drain_seconds = 30;
  std::string otlp_endpoint;      // empty: see OtlpEndpoint
  double trace_sample_share = 1;  // of the traces that begin here
};

// INVALID_ARGUMENT: see FlagTable; or flags that don't go together.
absl::StatusOr<GatewayOptions> ParseGatewayFlags(const std::vector<std::string>& args, bool* help);
std::string GatewayHelp();

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_GATEWAY_GATEWAY_OPTIONS_H_
