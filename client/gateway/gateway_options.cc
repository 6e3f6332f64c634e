#include "client/gateway/gateway_options.h"

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "telemetry/otlp_options.h"

namespace vidmuse {
namespace {

using O = GatewayOptions;

// The flags that `vidmuse` connects by, of which those for TLS get another name.
std::vector<Flag<O>> ServerFlags() {
  std::vector<Flag<O>> flags = Within(&O::servers, ConnectionFlagTable().flags());
  for (Flag<O>& flag : flags) {
    if (flag.name != "server") flag.name = absl::StrCat("server_", flag.name);
  }
  return flags;
}

FlagTable<O> Table() {
  return FlagTable<O>(Concat<O>(
      {{{"listen", &O::listen, NonEmptyTextType(), "host:port; port 0: a free one"},
        {"tls_cert", &O::tls_cert, FileType(), "this gateway's certificate, in PEM (plain HTTP)"},
        {"tls_key", &O::tls_key, FileType(), "the private key of --tls_cert, in PEM"},
        {"cors_origin", &O::cors_origin, NonEmptyTextType(),
         "origin whose pages may call; * is any (none)"},
        {"max_connections", &O::max_connections, NumberType<int>(1, 65536),
         "connections at once; more are closed as they come"},
        {"max_connections_per_client", &O::max_connections_per_client, NumberType<int>(1, 65536),
         "of them, those of one IP address; behind a proxy all come from its address"},
        {"max_video_bytes", &O::max_video_bytes, NumberType<uint64_t>(1, uint64_t{1} << 40),
         "largest video"},
        {"max_upload_bytes", &O::max_upload_bytes, NumberType<uint64_t>(1, uint64_t{1} << 44),
         "of all videos that are kept on disk at once, in TMPDIR or /tmp"},
        {"max_upload_bytes_per_client", &O::max_upload_bytes_per_client,
         NumberType<uint64_t>(1, uint64_t{1} << 44),
         "of them, those of one IP address (IPv6: the first 64 bits), and those of one API key"},
        {"header_timeout_seconds", &O::header_timeout_seconds, NumberType<int>(1, 3600),
         "for a request's header (else 408), and between two requests of a connection"},
        {"idle_timeout_seconds", &O::idle_timeout_seconds, NumberType<int>(1, 3600),
         "between two pieces that a client sends (else 408) or takes"},
        {"request_timeout_seconds", &O::request_timeout_seconds, NumberType<int>(1, 86400),
         "for a song from its request's first byte to its last, and for an upload (else 408)"},
        {"busy_wait_seconds", &O::busy_wait_seconds, NumberType<int>(0, 3600),
         "to wait for a server that isn't busy, before the answer is 429"},
        {"drain_seconds", &O::drain_seconds, NumberType<int>(0, 86400),
         "after SIGTERM, for requests that run"},
        {"otlp_endpoint", &O::otlp_endpoint, OtlpEndpointType(),
         "OpenTelemetry collector that gets a trace of each song, by OTLP over gRPC (the variable "
         "OTEL_EXPORTER_OTLP_ENDPOINT, or none)"},
        {"trace_sample_share", &O::trace_sample_share, NumberType<double>(0, 1),
         "of the songs without a traceparent that are traced; one with it says so itself"}},
       ServerFlags()}));
}

}  // namespace

absl::StatusOr<GatewayOptions> ParseGatewayFlags(const std::vector<std::string>& args, bool* help) {
  GatewayOptions options;
  ASSIGN_OR_RETURN(const CommandLine line, Table().Parse(args, &options));
  *help = line.help;
  if (!line.rest.empty()) return NotAFlagError(line.rest[0]);
  RETURN_IF_ERROR(CheckTls(options.servers));
  RETURN_IF_ERROR(CheckTlsPair(options.tls_cert, options.tls_key));
  return options;
}

std::string GatewayHelp() {
  return absl::StrCat(
      "HTTP for a vidmuse service: a video in, its music out.\n\n"
      "usage: vidmuse_gateway --server ADDR[,ADDR...] [flags]\n"
      "       vidmuse_gateway --version\n\n",
      Table().Help());
}

}  // namespace vidmuse
