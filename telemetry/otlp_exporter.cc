#include "telemetry/otlp_exporter.h"

#include <pthread.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/catch_exceptions.h"
#include "telemetry/otlp_convert.h"

namespace vidmuse {
namespace {

using opentelemetry::proto::collector::trace::v1::ExportTraceServiceResponse;
using opentelemetry::proto::collector::trace::v1::TraceService;

std::unique_ptr<TraceService::Stub> Connect(const OtlpOptions& options) {
  grpc::ChannelArguments arguments;
  // The exporter retries by itself, and its connection is nobody else's.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // Short, so that the exporter's own backoff decides when a collector is tried again.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  return TraceService::NewStub(grpc::CreateCustomChannel(
      options.target, options.tls ? grpc::SslCredentials({}) : grpc::InsecureChannelCredentials(),
      arguments));
}

// The codes that OTLP's specification lets a client retry. RESOURCE_EXHAUSTED is among them only if
// the collector says when; it is a full collector in any case, which a later attempt may find
// empty.
bool IsRetryable(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::OUT_OF_RANGE:
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DATA_LOSS:
      return true;
    default:
      return false;
  }
}

}  // namespace

OtlpExporter::OtlpExporter(OtlpOptions options)
    : options_(std::move(options)), collector_(Connect(options_)), thread_([this] { Run(); }) {}

absl::StatusOr<std::shared_ptr<OtlpExporter>> OtlpExporter::Open(absl::string_view flag,
                                                                 absl::string_view service,
                                                                 absl::Duration flush) {
  const std::string endpoint = OtlpEndpoint(flag);
  if (endpoint.empty()) return nullptr;
  absl::StatusOr<OtlpOptions> options = MakeOtlpOptions(endpoint, service);
  if (!options.ok()) {
    return absl::Status(options.status().code(),
                        absl::StrCat("--otlp_endpoint: ", options.status().message()));
  }
  return std::shared_ptr<OtlpExporter>(new OtlpExporter(*std::move(options)),
                                       [flush](OtlpExporter* exporter) {
                                         exporter->Close(flush);
                                         delete exporter;
                                       });
}

OtlpExporter::~OtlpExporter() {
  Close(absl::ZeroDuration());
  thread_.join();
}

void OtlpExporter::Add(Span span) {
  BoundTexts(&span);
  MutexLock lock(&mutex_);
  if (closing_ || queue_.size() >= options_.max_queued) {
    ++dropped_;
    return;
  }
  queue_.push_back(std::move(span));
}

void OtlpExporter::Close(absl::Duration timeout) {
  MutexLock lock(&mutex_);
  closing_ = true;
  mutex_.AwaitFor(timeout, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return done_; });
  time_is_up_ = true;
  dropped_ += static_cast<int64_t>(queue_.size());
  queue_.clear();
  if (sending_ != nullptr) sending_->TryCancel();
}

void OtlpExporter::Run() {
  pthread_setname_np(pthread_self(), "vm-traces");
  for (;;) {
    const std::vector<Span> batch = NextBatch();
    if (batch.empty()) break;
    Send(batch);
  }
  MutexLock lock(&mutex_);
  done_ = true;
}

std::vector<Span> OtlpExporter::NextBatch() {
  MutexLock lock(&mutex_);
  mutex_.Await([this]()
                   ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closing_ || !queue_.empty(); });
  mutex_.AwaitFor(options_.period, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return closing_ || queue_.size() >= options_.max_batch;
  });
  const size_t count = std::min(queue_.size(), options_.max_batch);
  std::vector<Span> batch(std::make_move_iterator(queue_.begin()),
                          std::make_move_iterator(queue_.begin() + static_cast<int64_t>(count)));
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<int64_t>(count));
  return batch;
}

void OtlpExporter::Send(const std::vector<Span>& batch) {
  const auto count = static_cast<int64_t>(batch.size());
  for (int attempt = 1;; ++attempt) {
    int64_t rejected = 0;
    const grpc::Status status = SendOnce(batch, &rejected);
    if (status.ok()) {
      rejected = std::clamp<int64_t>(rejected, 0, count);
      exported_ += count - rejected;
      dropped_ += rejected;
      return;
    }
    if (!AwaitRetry(status, attempt)) {
      dropped_ += count;
      return;
    }
  }
}

grpc::Status OtlpExporter::SendOnce(const std::vector<Span>& batch, int64_t* rejected) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + options_.deadline));
  {
    MutexLock lock(&mutex_);
    if (time_is_up_) return {grpc::StatusCode::CANCELLED, "closed"};
    sending_ = &context;
  }
  ExportTraceServiceResponse response;
  grpc::Status status;
  const absl::Status caught = CatchExceptions("the spans could not be sent", [&] {
    status = collector_->Export(&context, ToExportRequest(options_.resource, batch), &response);
  });
  {
    MutexLock lock(&mutex_);
    sending_ = nullptr;
  }
  if (!caught.ok()) return {grpc::StatusCode::INTERNAL, std::string(caught.message())};
  *rejected = response.partial_success().rejected_spans();
  return status;
}

bool OtlpExporter::AwaitRetry(const grpc::Status& status, int attempt) {
  if (!IsRetryable(status.error_code()) || attempt >= options_.max_attempts) return false;
  const absl::Duration backoff =
      std::min(options_.first_backoff * (1 << (attempt - 1)), options_.max_backoff);
  MutexLock lock(&mutex_);
  return !mutex_.AwaitFor(backoff,
                          [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closing_; });
}

}  // namespace vidmuse
