// Decides which traces are recorded.
#ifndef VIDMUSE_CLIENT_TELEMETRY_TRACER_H_
#define VIDMUSE_CLIENT_TELEMETRY_TRACER_H_

#include <memory>
#include <optional>
#include <utility>

#include "client/telemetry/span.h"
#include "client/telemetry/trace_context.h"

namespace vidmuse {

// Immutable and thread-safe.
class Tracer {
 public:
  // `sample_share`, in [0, 1], is the share of traces that begin here and are recorded. It is
  // decided by the trace's identifier, so that every program with the same share decides alike.
  explicit Tracer(std::shared_ptr<SpanSink> sink, double sample_share = 1);

  // The context of a new span under `parent`, whose trace is recorded if its caller says so, or of
  // the first span of a new trace.
  TraceContext Begin(const std::optional<TraceContext>& parent) const;

  // Hands a span that has ended to the sink, if its trace is recorded.
  void Record(Span span) const {
    if (span.context.sampled) sink_->Add(std::move(span));
  }

 private:
  const std::shared_ptr<SpanSink> sink_;
  const double sample_share_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_TELEMETRY_TRACER_H_
