#include "tests/support/trace_collector.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace vidmuse {
namespace {

using opentelemetry::proto::common::v1::AnyValue;
using opentelemetry::proto::common::v1::KeyValue;

template <typename Attributes>
std::string Find(const Attributes& attributes, absl::string_view key) {
  for (const KeyValue& attribute : attributes) {
    if (attribute.key() != key) continue;
    const AnyValue& value = attribute.value();
    if (value.has_int_value()) return absl::StrCat(value.int_value());
    if (value.has_double_value()) return absl::StrCat(value.double_value());
    return value.string_value();
  }
  return "";
}

}  // namespace

std::string CollectedSpan::Attribute(absl::string_view key) const {
  return Find(span.attributes(), key);
}

TraceCollector::TraceCollector(Mode mode) : mode_(mode) {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

TraceCollector::~TraceCollector() { server_->Shutdown(std::chrono::system_clock::now()); }

grpc::Status TraceCollector::Export(grpc::ServerContext* context, const Request* request,
                                    Response* /*response*/) {
  Mode mode;
  {
    // Who waits for this call may change the mode for the next one.
    MutexLock lock(&mutex_);
    ++calls_;
    mode = mode_;
  }
  switch (mode) {
    case Mode::kTake:
      break;
    case Mode::kHang: {
      MutexLock lock(&mutex_);
      while (!mutex_.AwaitFor(absl::Milliseconds(20), [&] { return context->IsCancelled(); })) {
      }
      return grpc::Status::CANCELLED;
    }
    case Mode::kBusy:
      return {grpc::StatusCode::UNAVAILABLE, "busy"};
    case Mode::kRefuse:
      return {grpc::StatusCode::INVALID_ARGUMENT, "refused"};
  }
  MutexLock lock(&mutex_);
  for (const auto& resource : request->resource_spans()) {
    for (const auto& scope : resource.scope_spans()) {
      for (const auto& span : scope.spans()) {
        spans_.push_back({Find(resource.resource().attributes(), "service.name"),
                          absl::BytesToHexString(span.trace_id()),
                          absl::BytesToHexString(span.span_id()),
                          absl::BytesToHexString(span.parent_span_id()), span});
      }
    }
  }
  return grpc::Status::OK;
}

std::vector<CollectedSpan> TraceCollector::spans() const {
  MutexLock lock(&mutex_);
  return spans_;
}

std::vector<CollectedSpan> TraceCollector::WaitFor(
    const std::function<bool(const std::vector<CollectedSpan>&)>& enough,
    absl::Duration timeout) const {
  MutexLock lock(&mutex_);
  mutex_.AwaitFor(timeout, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return enough(spans_); });
  return spans_;
}

bool TraceCollector::WaitForCalls(int calls, absl::Duration timeout) const {
  MutexLock lock(&mutex_);
  return mutex_.AwaitFor(timeout, [&] { return calls_ >= calls; });
}

const CollectedSpan* FindSpan(const std::vector<CollectedSpan>& spans, absl::string_view name,
                              absl::string_view service) {
  const auto found = std::find_if(spans.begin(), spans.end(), [&](const CollectedSpan& span) {
    return span.span.name() == name && (service.empty() || span.service == service);
  });
  return found == spans.end() ? nullptr : &*found;
}

}  // namespace vidmuse
