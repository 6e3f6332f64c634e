// What a trace tells of one piece of work.
#ifndef VIDMUSE_CLIENT_TELEMETRY_SPAN_H_
#define VIDMUSE_CLIENT_TELEMETRY_SPAN_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "client/telemetry/trace_context.h"

namespace vidmuse {

struct SpanAttribute {
  std::string key;
  std::variant<std::string, int64_t, double> value;
};

enum class SpanKind {
  kInternal,
  kServer,  // answers a call
  kClient,  // makes a call
};

struct Span {
  TraceContext context;   // the span's own
  std::string parent_id;  // 16 hexadecimal digits; empty: the trace begins here
  std::string name;
  SpanKind kind = SpanKind::kInternal;
  absl::Time begin, end;  // by the wall clock
  std::vector<SpanAttribute> attributes;
  bool failed = false;  // by the fault of whoever did the work
  std::string message;  // why
};

// Where spans go when their work has ended. Thread-safe. Add returns at once: callers are in the
// middle of serving a request.
class SpanSink {
 public:
  virtual ~SpanSink() = default;
  virtual void Add(Span span) = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_TELEMETRY_SPAN_H_
