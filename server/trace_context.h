// W3C Trace Context: which trace a call belongs to (https://www.w3.org/TR/trace-context/).
#ifndef VIDMUSE_SERVER_TRACE_CONTEXT_H_
#define VIDMUSE_SERVER_TRACE_CONTEXT_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace vidmuse {

struct TraceContext {
  std::string trace_id;  // 32 lower-case hexadecimal digits
  std::string span_id;   // 16: the caller's span
};

// What a `traceparent` header says; nullopt: not a valid one.
std::optional<TraceContext> ParseTraceparent(absl::string_view header);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_TRACE_CONTEXT_H_
