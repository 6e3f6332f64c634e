// A collector of traces for tests, which speaks OTLP over gRPC.
#ifndef VIDMUSE_TESTS_SUPPORT_TRACE_COLLECTOR_H_
#define VIDMUSE_TESTS_SUPPORT_TRACE_COLLECTOR_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.grpc.pb.h"

namespace vidmuse {

// A span as the collector got it, with identifiers in hexadecimal digits.
struct CollectedSpan {
  std::string service;  // of the program that sent it
  std::string trace_id, span_id, parent_id;
  opentelemetry::proto::trace::v1::Span span;

  // The attribute's value as text; empty: there is none.
  std::string Attribute(absl::string_view key) const;
};

// Listens on a free port of the loopback interface. Thread-safe.
class TraceCollector final
    : public opentelemetry::proto::collector::trace::v1::TraceService::Service {
 public:
  enum class Mode {
    kTake,
    kHang,    // answers nothing until the caller gives up
    kBusy,    // answers UNAVAILABLE
    kRefuse,  // answers INVALID_ARGUMENT
  };

  explicit TraceCollector(Mode mode = Mode::kTake);
  ~TraceCollector() override;

  const std::string& address() const { return address_; }
  void SetMode(Mode mode) { mode_ = mode; }
  int calls() const { return calls_; }

  std::vector<CollectedSpan> spans() const;
  // Waits until the spans are as wanted. Returns them, as they are when the time is up.
  std::vector<CollectedSpan> WaitFor(
      const std::function<bool(const std::vector<CollectedSpan>&)>& enough,
      absl::Duration timeout = absl::Seconds(60)) const;
  // Waits for that many calls, whatever was answered.
  bool WaitForCalls(int calls, absl::Duration timeout = absl::Seconds(60)) const;

 private:
  using Request = opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;
  using Response = opentelemetry::proto::collector::trace::v1::ExportTraceServiceResponse;

  grpc::Status Export(grpc::ServerContext* context, const Request* request,
                      Response* response) override;

  std::atomic<Mode> mode_;
  std::atomic<int> calls_ = 0;
  std::string address_;
  mutable Mutex mutex_;
  std::vector<CollectedSpan> spans_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::Server> server_;
};

// The first span of that name and service, or null. An empty service is any.
const CollectedSpan* FindSpan(const std::vector<CollectedSpan>& spans, absl::string_view name,
                              absl::string_view service = "");

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_TRACE_COLLECTOR_H_
