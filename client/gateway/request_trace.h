// The trace of one HTTP request.
#ifndef VIDMUSE_CLIENT_GATEWAY_REQUEST_TRACE_H_
#define VIDMUSE_CLIENT_GATEWAY_REQUEST_TRACE_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "client/gateway/service_info.h"
#include "telemetry/trace_context.h"
#include "telemetry/tracer.h"

namespace vidmuse {

// Without a tracer it passes the client's headers on. With one the request has a span under the
// span that they name, which is the parent of the calls that it leads to.
class RequestTrace {
 public:
  RequestTrace() = default;
  // `tracer` may be null.
  RequestTrace(std::shared_ptr<const Tracer> tracer, const std::string& traceparent,
               const std::string& tracestate);

  // For the calls that the request leads to. Empty: there is none.
  const std::string& traceparent() const { return traceparent_; }
  const std::string& tracestate() const { return tracestate_; }
  // Empty: the request belongs to no trace.
  std::string trace_id() const { return context_ ? context_->trace_id : ""; }

  // Records the request's span. `record` is what is logged of it.
  void End(const AccessRecord& record) const;

 private:
  std::shared_ptr<const Tracer> tracer_;
  std::optional<TraceContext> parent_, context_;
  std::string traceparent_, tracestate_;
  absl::Time begin_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_GATEWAY_REQUEST_TRACE_H_
