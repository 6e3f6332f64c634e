// The trace of one call that makes music.
#ifndef VIDMUSE_SERVER_CALL_TRACE_H_
#define VIDMUSE_SERVER_CALL_TRACE_H_

#include <grpcpp/server_context.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/telemetry/trace_context.h"
#include "client/telemetry/tracer.h"
#include "server/request_log.h"
#include "vidmuse/stage_time.h"

namespace vidmuse {

// The call's span is under the span that the client named, and the stages' spans are under the
// call's. Immutable and thread-safe.
class CallTrace {
 public:
  // `tracer` is null if nothing is recorded. `method` is the gRPC method's name without its
  // service. `now` is the monotonic time by which all others here are meant.
  CallTrace(std::shared_ptr<const Tracer> tracer, const grpc::ServerContextBase& context,
            std::string method, absl::Duration now);

  // For the log: the call's span if there is a tracer, else the client's, else none.
  const std::optional<TraceContext>& context() const { return context_; }

  // Records the stages of the request. Empty if this trace isn't recorded. It may outlive the call.
  StageObserver Observer() const;

  // Records the call's span. `record` is what is logged of it.
  void End(const RequestRecord& record, absl::string_view model) const;

 private:
  const std::shared_ptr<const Tracer> tracer_;
  const std::string method_;
  const absl::Duration began_;
  const absl::Time epoch_;  // wall time at monotonic time 0, as it was when the call began
  std::optional<TraceContext> parent_;
  std::optional<TraceContext> context_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_CALL_TRACE_H_
