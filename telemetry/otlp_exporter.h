// Sends spans to an OpenTelemetry collector, by OTLP over gRPC.
#ifndef VIDMUSE_TELEMETRY_OTLP_EXPORTER_H_
#define VIDMUSE_TELEMETRY_OTLP_EXPORTER_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.grpc.pb.h"
#include "telemetry/otlp_options.h"
#include "telemetry/span.h"

namespace vidmuse {

// Spans wait in a bounded queue for a thread that sends them. A collector that is slow, away or
// answers errors costs spans, which are counted, and nothing else. Thread-safe.
class OtlpExporter final : public SpanSink {
 public:
  explicit OtlpExporter(OtlpOptions options);
  // An exporter to the endpoint in force (see OtlpEndpoint), which is closed with the timeout
  // `flush` before it is destroyed; null if there is no endpoint. INVALID_ARGUMENT: it is no
  // address. `service` is the program's name.
  static absl::StatusOr<std::shared_ptr<OtlpExporter>> Open(absl::string_view flag,
                                                            absl::string_view service,
                                                            absl::Duration flush);
  // Drops what is left. See Close.
  ~OtlpExporter() override;
  OtlpExporter(const OtlpExporter&) = delete;
  OtlpExporter& operator=(const OtlpExporter&) = delete;

  // Drops the span if the queue is full.
  void Add(Span span) override;

  // Sends what is queued, each message once, for `timeout` at most. The rest, and whatever comes
  // later, is dropped.
  void Close(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mutex_);

  int64_t exported() const { return exported_; }
  int64_t dropped() const { return dropped_; }

 private:
  using Service = opentelemetry::proto::collector::trace::v1::TraceService;

  void Run();
  // Waits for a full message or the end of the period. Empty: the exporter is closed and nothing is
  // left.
  std::vector<Span> NextBatch() ABSL_LOCKS_EXCLUDED(mutex_);
  // Tries until the collector takes the spans, or they are dropped.
  void Send(const std::vector<Span>& batch);
  grpc::Status SendOnce(const std::vector<Span>& batch, int64_t* rejected)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns whether the message is to be sent again, and waits before that.
  bool AwaitRetry(const grpc::Status& status, int attempt) ABSL_LOCKS_EXCLUDED(mutex_);

  const OtlpOptions options_;
  const std::unique_ptr<Service::Stub> collector_;
  std::atomic<int64_t> exported_ = 0;
  std::atomic<int64_t> dropped_ = 0;

  Mutex mutex_;
  std::deque<Span> queue_ ABSL_GUARDED_BY(mutex_);
  grpc::ClientContext* sending_ ABSL_GUARDED_BY(mutex_) = nullptr;  // the call under way
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool time_is_up_ ABSL_GUARDED_BY(mutex_) = false;  // nothing more is sent
  bool done_ ABSL_GUARDED_BY(mutex_) = false;        // the thread is at its end
  // Must be the last member, because the thread uses all of the above.
  std::thread thread_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_TELEMETRY_OTLP_EXPORTER_H_
