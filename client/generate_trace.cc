#include "client/generate_trace.h"

#include <utility>

#include "absl/time/clock.h"
#include "core/base/clock.h"

namespace vidmuse {

GenerateTrace::GenerateTrace(std::shared_ptr<const Tracer> tracer, const std::string& traceparent,
                             const std::string& tracestate, std::string request_id)
    : tracer_(std::move(tracer)),
      traceparent_(traceparent),
      tracestate_(tracestate),
      request_id_(std::move(request_id)),
      parent_(ParseTraceparent(traceparent, tracestate)),
      call_(Begin(parent_)) {}

GenerateTrace::Part GenerateTrace::Begin(const std::optional<TraceContext>& parent) const {
  Part part;
  if (tracer_ == nullptr) return part;
  part.context = tracer_->Begin(parent);
  part.begin = absl::Now();
  part.began = Clock::Real()->Monotonic();
  return part;
}

GenerateTrace::Part GenerateTrace::BeginAttempt() const { return Begin(call_.context); }

void GenerateTrace::AddHeaders(const Part& attempt, grpc::ClientContext* context) const {
  const std::string parent = attempt.context ? Traceparent(*attempt.context) : traceparent_;
  const std::string& state = attempt.context ? attempt.context->state : tracestate_;
  if (!parent.empty()) context->AddMetadata("traceparent", parent);
  if (!state.empty()) context->AddMetadata("tracestate", state);
}

Span GenerateTrace::NewSpan(const Part& part, std::string name, const absl::Status& status) const {
  Span span;
  span.context = *part.context;
  span.name = std::move(name);
  span.begin = part.begin;
  span.end = part.begin + (Clock::Real()->Monotonic() - part.began);
  span.attributes = {{"vidmuse.request_id", request_id_},
                     {"rpc.grpc.status_code", static_cast<int64_t>(status.code())}};
  span.failed = !status.ok();
  span.message = std::string(status.message());
  return span;
}

void GenerateTrace::EndAttempt(const Part& attempt, int number, const std::string& address,
                               uint64_t held_frames, const absl::Status& status) const {
  if (!attempt.context) return;
  Span span = NewSpan(attempt, "vidmuse.v1.MusicService/GenerateMusic", status);
  span.parent_id = call_.context->span_id;
  span.kind = SpanKind::kClient;
  span.attributes.push_back({"rpc.system", "grpc"});
  span.attributes.push_back({"rpc.service", "vidmuse.v1.MusicService"});
  span.attributes.push_back({"rpc.method", "GenerateMusic"});
  span.attributes.push_back({"server.address", address});
  span.attributes.push_back({"vidmuse.attempt", int64_t{number}});
  span.attributes.push_back({"vidmuse.resumed_frames", static_cast<int64_t>(held_frames)});
  tracer_->Record(std::move(span));
}

void GenerateTrace::End(int attempts, const absl::Status& status) const {
  if (!call_.context) return;
  Span span = NewSpan(call_, "vidmuse.generate", status);
  if (parent_) span.parent_id = parent_->span_id;
  span.attributes.push_back({"vidmuse.attempts", int64_t{attempts}});
  tracer_->Record(std::move(span));
}

}  // namespace vidmuse
