// W3C Trace Context, which says what trace a call belongs to.
// See https://www.w3.org/TR/trace-context/.
#ifndef VIDMUSE_CLIENT_TELEMETRY_TRACE_CONTEXT_H_
#define VIDMUSE_CLIENT_TELEMETRY_TRACE_CONTEXT_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace vidmuse {

// One span's place in a trace.
struct TraceContext {
  std::string trace_id;  // 32 lower-case hexadecimal digits
  std::string span_id;   // 16 such digits
  bool sampled = false;  // whether the trace is recorded
  std::string state{};   // `tracestate`, which is passed on as it came; may be empty
};

// Parses the headers `traceparent` and `tracestate`, which name the caller's span. Returns nullopt
// if the first one is not valid. A second one that is not valid is left out.
std::optional<TraceContext> ParseTraceparent(absl::string_view traceparent,
                                             absl::string_view tracestate = "");

// The header `traceparent` for calls that the span makes.
std::string Traceparent(const TraceContext& span);

// Whether the text may be passed on as `tracestate`: 1 to 512 printable ASCII characters.
bool IsTracestate(absl::string_view text);

// A new span of the same trace.
TraceContext ChildOf(const TraceContext& parent);
// The first span of a new trace, which is not sampled.
TraceContext NewTrace();

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_TELEMETRY_TRACE_CONTEXT_H_
