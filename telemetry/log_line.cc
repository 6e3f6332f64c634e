#include "telemetry/log_line.h"

#include <nlohmann/json.hpp>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace vidmuse {
namespace {

const char* Name(Severity severity) {
  switch (severity) {
    case Severity::kInfo:
      return "info";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      return "error";
  }
  return "";
}

}  // namespace

std::string NoticeLine(absl::string_view event, absl::string_view message, Severity severity) {
  const nlohmann::ordered_json line = {
      {"time", absl::FormatTime(absl::RFC3339_full, absl::Now(), absl::UTCTimeZone())},
      {"event", std::string(event)},
      {"severity", Name(severity)},
      {"message", std::string(message)}};
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace vidmuse
