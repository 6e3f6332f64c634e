// W3C Trace Context, which says what trace a call belongs to.
// See https://www.w3.org/TR/trace-context/.
#ifndef VIDMUSE_SERVER_TRACE_CONTEXT_H_
#define VIDMUSE_SERVER_TRACE_CONTEXT_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace vidmuse {

struct TraceContext {
  std::string trace_id;  // 32 lower-case hexadecimal digits
  std::string span_id;   // 16 such digits: the caller's span
};

// Parses a `traceparent` header. Returns nullopt if it is not valid.
std::optional<TraceContext> ParseTraceparent(absl::string_view header);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_TRACE_CONTEXT_H_
