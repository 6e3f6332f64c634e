// Where traces are sent.
#ifndef VIDMUSE_TELEMETRY_OTLP_OPTIONS_H_
#define VIDMUSE_TELEMETRY_OTLP_OPTIONS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/flag_type.h"
#include "telemetry/span.h"

namespace vidmuse {

struct OtlpOptions {
  std::string target;  // "host:port"
  bool tls = false;    // with the system's authorities
  // What all spans have in common, such as `service.name`.
  std::vector<SpanAttribute> resource;

  size_t max_queued = 2048;                         // spans; more are dropped
  size_t max_batch = 512;                           // spans in one message
  absl::Duration period = absl::Seconds(1);         // a span waits no longer for others
  absl::Duration deadline = absl::Seconds(10);      // of one message
  absl::Duration first_backoff = absl::Seconds(1);  // doubles with each failure in a row
  absl::Duration max_backoff = absl::Seconds(30);
  int max_attempts = 5;  // for one message; then its spans are dropped
};

// A collector's address: "HOST:PORT" or "http://HOST:PORT" in plain text, "https://HOST:PORT" with
// TLS. Empty: there is none.
FlagType<std::string> OtlpEndpointType();

// The endpoint in force: `flag`, or if that is empty what OpenTelemetry's variables
// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT and OTEL_EXPORTER_OTLP_ENDPOINT name, or none.
std::string OtlpEndpoint(absl::string_view flag);

// Fills the target and the resource. The variables OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES
// override and add to it. INVALID_ARGUMENT: `endpoint` is empty or no address.
absl::StatusOr<OtlpOptions> MakeOtlpOptions(absl::string_view endpoint, absl::string_view service);

}  // namespace vidmuse

#endif  // VIDMUSE_TELEMETRY_OTLP_OPTIONS_H_
