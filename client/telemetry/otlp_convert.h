// Spans as OpenTelemetry's messages.
#ifndef VIDMUSE_CLIENT_TELEMETRY_OTLP_CONVERT_H_
#define VIDMUSE_CLIENT_TELEMETRY_OTLP_CONVERT_H_

#include <vector>

#include "client/telemetry/span.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"

namespace vidmuse {

// Bounds the memory that a span takes, and makes its texts UTF-8, as Protobuf demands: longer texts
// are cut, other bytes become "?".
void BoundTexts(Span* span);

opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest ToExportRequest(
    const std::vector<SpanAttribute>& resource, const std::vector<Span>& spans);

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_TELEMETRY_OTLP_CONVERT_H_
