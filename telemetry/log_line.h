// The lines that programs log about themselves.
#ifndef VIDMUSE_TELEMETRY_LOG_LINE_H_
#define VIDMUSE_TELEMETRY_LOG_LINE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace vidmuse {

enum class Severity { kInfo, kWarning, kError };

// One line of JSON. `event` names its topic. What is not UTF-8 in the message is replaced.
std::string NoticeLine(absl::string_view event, absl::string_view message,
                       Severity severity = Severity::kInfo);

}  // namespace vidmuse

#endif  // VIDMUSE_TELEMETRY_LOG_LINE_H_
