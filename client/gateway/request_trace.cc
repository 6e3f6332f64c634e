#include "client/gateway/request_trace.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/gateway/exchange.h"

namespace vidmuse {

RequestTrace::RequestTrace(std::shared_ptr<const Tracer> tracer, const std::string& traceparent,
                           const std::string& tracestate)
    : tracer_(std::move(tracer)), begin_(absl::Now()) {
  if (MayBePassedOn(traceparent)) traceparent_ = traceparent;
  if (!traceparent_.empty() && IsTracestate(tracestate)) tracestate_ = tracestate;
  context_ = parent_ = ParseTraceparent(traceparent_, tracestate_);
  if (tracer_ == nullptr) return;
  context_ = tracer_->Begin(parent_);
  traceparent_ = Traceparent(*context_);
  tracestate_ = context_->state;
}

void RequestTrace::End(const AccessRecord& record) const {
  if (tracer_ == nullptr) return;
  Span span;
  span.context = *context_;
  if (parent_) span.parent_id = parent_->span_id;
  span.name = absl::StrCat(record.method, " ", record.route);
  span.kind = SpanKind::kServer;
  span.begin = begin_;
  span.end = begin_ + record.took;
  span.attributes = {{"http.request.method", record.method},
                     {"http.route", record.route},
                     {"http.response.status_code", int64_t{record.code}},
                     {"vidmuse.request_id", record.request_id},
                     {"vidmuse.video_bytes", static_cast<int64_t>(record.received)},
                     {"vidmuse.music_bytes", static_cast<int64_t>(record.sent)}};
  // By OpenTelemetry's conventions a client's mistake is no error of the server's. An answer that
  // was cut off is one, whatever its code.
  span.failed = record.code >= 500 || (record.code < 400 && !record.status.ok());
  span.message = std::string(record.status.message());
  tracer_->Record(std::move(span));
}

}  // namespace vidmuse
