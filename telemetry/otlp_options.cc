#include "telemetry/otlp_options.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/base/status_macros.h"
#include "core/base/version.h"

namespace vidmuse {
namespace {

absl::string_view Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Splits the endpoint into its address and whether it has TLS.
absl::StatusOr<std::pair<std::string, bool>> ParseEndpoint(absl::string_view endpoint) {
  absl::string_view address = endpoint;
  const bool tls = absl::ConsumePrefix(&address, "https://");
  if (!tls) absl::ConsumePrefix(&address, "http://");
  absl::ConsumeSuffix(&address, "/");
  const auto parsed = AddressType(false).parse(address);
  if (parsed.ok() && !absl::StrContains(address, '/')) return std::make_pair(*parsed, tls);
  return absl::InvalidArgumentError(
      absl::StrCat("\"", endpoint, "\" is not HOST:PORT, http://HOST:PORT or https://HOST:PORT"));
}

void SetAttribute(absl::string_view key, absl::string_view value,
                  std::vector<SpanAttribute>* attributes) {
  const auto same = std::find_if(attributes->begin(), attributes->end(),
                                 [&](const auto& attribute) { return attribute.key == key; });
  if (same != attributes->end()) {
    same->value = std::string(value);
  } else {
    attributes->push_back({std::string(key), std::string(value)});
  }
}

}  // namespace

FlagType<std::string> OtlpEndpointType() {
  FlagType<std::string> type = TextType();
  type.description = "host:port, http://host:port or https://host:port";
  type.parse = [](absl::string_view text) -> absl::StatusOr<std::string> {
    if (!text.empty()) RETURN_IF_ERROR(ParseEndpoint(text).status());
    return std::string(text);
  };
  return type;
}

std::string OtlpEndpoint(absl::string_view flag) {
  if (!flag.empty()) return std::string(flag);
  const absl::string_view traces = Variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
  return std::string(traces.empty() ? Variable("OTEL_EXPORTER_OTLP_ENDPOINT") : traces);
}

absl::StatusOr<OtlpOptions> MakeOtlpOptions(absl::string_view endpoint, absl::string_view service) {
  OtlpOptions options;
  ASSIGN_OR_RETURN(std::tie(options.target, options.tls), ParseEndpoint(endpoint));
  std::vector<SpanAttribute>* const resource = &options.resource;
  SetAttribute("service.name", service, resource);
  SetAttribute("service.version", Version(), resource);
  char host[256] = {};
  if (gethostname(host, sizeof(host) - 1) == 0) SetAttribute("host.name", host, resource);
  resource->push_back({"process.pid", int64_t{getpid()}});
  for (const absl::string_view pair :
       absl::StrSplit(Variable("OTEL_RESOURCE_ATTRIBUTES"), ',', absl::SkipWhitespace())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(pair, absl::MaxSplits('=', 1));
    SetAttribute(absl::StripAsciiWhitespace(parts.first), absl::StripAsciiWhitespace(parts.second),
                 resource);
  }
  if (!Variable("OTEL_SERVICE_NAME").empty()) {
    SetAttribute("service.name", Variable("OTEL_SERVICE_NAME"), resource);
  }
  return options;
}

}  // namespace vidmuse
