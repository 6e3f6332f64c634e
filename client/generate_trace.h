// The trace of one call of MusicClient::Generate.
#ifndef VIDMUSE_CLIENT_GENERATE_TRACE_H_
#define VIDMUSE_CLIENT_GENERATE_TRACE_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "telemetry/trace_context.h"
#include "telemetry/tracer.h"

namespace vidmuse {

// Without a tracer it passes the caller's headers on. With one the call has a span under the span
// that they name, and each attempt has a span under the call's, which is the server's parent.
class GenerateTrace {
 public:
  // `tracer` may be null.
  GenerateTrace(std::shared_ptr<const Tracer> tracer, const std::string& traceparent,
                const std::string& tracestate, std::string request_id);

  // A span under way.
  struct Part {
    std::optional<TraceContext> context;  // none without a tracer
    absl::Time begin;
    absl::Duration began;  // Clock::Monotonic()
  };

  Part BeginAttempt() const;
  // Tells the server whom the attempt belongs to.
  void AddHeaders(const Part& attempt, grpc::ClientContext* context) const;
  // `number` counts from 1. `held_frames` are those that the client had when the attempt began.
  void EndAttempt(const Part& attempt, int number, const std::string& address, uint64_t held_frames,
                  const absl::Status& status) const;
  // Ends the call's own span.
  void End(int attempts, const absl::Status& status) const;

 private:
  Part Begin(const std::optional<TraceContext>& parent) const;
  Span NewSpan(const Part& part, std::string name, const absl::Status& status) const;

  const std::shared_ptr<const Tracer> tracer_;
  const std::string traceparent_, tracestate_;
  const std::string request_id_;
  const std::optional<TraceContext> parent_;
  Part call_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_GENERATE_TRACE_H_
