#include "server/server.h"

#include <grpc/grpc.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <pthread.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/loopback.h"
#include "core/base/status_macros.h"
#include "server/credentials.h"
#include "server/descriptor_limit.h"
#include "server/tls_files.h"
#include "telemetry/tracer.h"

namespace vidmuse {
namespace {

constexpr absl::Duration kHealthPeriod = absl::Seconds(1);
// Time at the end of a drain to tell calls that they are cut off; at most half of its grace.
constexpr absl::Duration kHandOver = absl::Seconds(2);
constexpr absl::Duration kLeastHandOver = absl::Milliseconds(200);
// Time for streaming health watches to receive the final status.
constexpr absl::Duration kShutdownGrace = absl::Milliseconds(200);
// Time at the end of a drain to send the last spans; at most half of what is left of its grace.
constexpr absl::Duration kLongestFlush = absl::Seconds(2);
// Each of a balancer's clients has one stream of load reports; its request may fill memory like a
// health check's.
constexpr size_t kMostLoadStreams = 64;
// Threads that gRPC may have for calls of reflection, of which each takes one; further calls get
// RESOURCE_EXHAUSTED. All other methods share gRPC's own few threads.
constexpr int kReflectionThreads = 32;

absl::Duration Now() { return Clock::Real()->Monotonic(); }

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

absl::Status Annotated(absl::string_view what, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(what, status.message()));
}

CallLimits LimitsOfCalls(const ServerOptions& options) {
  const Limits& limits = options.generator.limits;
  // One key may use half of the places in the queue and in the batch by default.
  const int half = std::max(1, (limits.max_queued_requests + limits.max_batch) / 2);
  return {.uploads = options.max_concurrent_uploads,
          .uploads_per_key = options.max_uploads_per_key > 0
                                 ? options.max_uploads_per_key
                                 : std::max(1, options.max_concurrent_uploads / 2),
          .calls_per_key = options.max_requests_per_key > 0 ? options.max_requests_per_key : half};
}

// Health checks may fill as much memory as uploads, and are never so few that a crowd of them ends
// honest ones.
size_t MostHealthReads(const ServerOptions& options) {
  constexpr int kLeast = 16;
  return static_cast<size_t>(std::max(kLeast, options.max_concurrent_uploads));
}

// Makes gRPC notice dead peers, and cut off peers that send too many pings or headers, don't finish
// their handshake, or make no calls.
void SetTransportLimits(const ServerOptions& options, grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(absl::Seconds(60)));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(absl::Seconds(20)));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // Keeps the server's own pings going while a call waits for audio.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             Milliseconds(absl::Seconds(10)));
  // Further calls wait at the client. Each call, even a refused one, may hold 64 KiB here, which is
  // its flow-control window.
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 128);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 16 << 10);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, Milliseconds(absl::Seconds(20)));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, Milliseconds(absl::Minutes(10)));
  // gRPC's grace period for calls on an old connection is unlimited, so they may run to their end.
  if (options.max_connection_age_seconds > 0) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                               Milliseconds(absl::Seconds(options.max_connection_age_seconds)));
  }
}

// Null: no traces are recorded.
std::shared_ptr<const Tracer> MakeTracer(const ServerOptions& options,
                                         std::shared_ptr<OtlpExporter> exporter) {
  if (exporter == nullptr) return nullptr;
  return std::make_shared<const Tracer>(std::move(exporter), options.trace_sample_share);
}

// Warns of options that the operator may not have intended.
void WarnOfOptions(const ServerOptions& options, const ModelInfo& model, RequestLog* log) {
  if (!options.api_keys_file.empty() && options.tls_cert.empty() && !IsLoopback(options.listen)) {
    log->Notice("api_keys",
                absl::StrCat("clients send their keys to ", options.listen,
                             " in plain text, for all on the way to read: set --tls_cert"),
                Severity::kWarning);
  }
  // `resume` carries all tokens made so far, in one message with the rest of the config.
  constexpr double kRestOfConfig = 4096;
  const double token_bytes = sizeof(uint16_t) * model.codebooks * model.frame_rate;  // per second
  const double longest = (options.max_message_bytes - kRestOfConfig) / token_bytes;
  if (options.generator.limits.max_video_seconds > longest) {
    log->Notice(
        "messages",
        absl::StrCat("a song whose stream breaks after ", std::max(0.0, std::floor(longest)),
                     " s can't be resumed: its tokens are over max_message_bytes"),
        Severity::kWarning);
  }
  if (static_cast<double>(options.generator.limits.max_prompt_bytes) + kRestOfConfig >
      options.max_message_bytes) {
    log->Notice("messages", "max_message_bytes doesn't hold a config with max_prompt_bytes",
                Severity::kWarning);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      Generator* generator,
                                                      PrometheusMetrics* metrics,
                                                      std::shared_ptr<LogWriter> log,
                                                      const Clock* clock) {
  const auto request_log = std::make_shared<RequestLog>(log);
  std::shared_ptr<ApiKeys> keys;
  if (!options.api_keys_file.empty()) {
    absl::StatusOr<std::unique_ptr<ApiKeys>> opened =
        ApiKeys::Open(options.api_keys_file, request_log);
    if (!opened.ok()) return Annotated("--api_keys_file: ", opened.status());
    keys = *std::move(opened);
  }
  const absl::StatusOr<int> connections =
      FitConnections(options.max_connections, !options.given.contains("max_connections"));
  if (!connections.ok()) return connections.status();
  if (*connections < options.max_connections) {
    request_log->Notice(
        "connections",
        absl::StrCat("max_connections is ", *connections, ", not ", options.max_connections,
                     ": the limit of file descriptors allows no more"),
        Severity::kWarning);
  }
  WarnOfOptions(options, generator->model_info(), request_log.get());
  // Without a drain nobody waits for spans.
  ASSIGN_OR_RETURN(
      std::shared_ptr<OtlpExporter> exporter,
      OtlpExporter::Open(options.otlp_endpoint, "vidmuse_server", absl::ZeroDuration()));
  std::unique_ptr<Server> server(new Server(options, generator, metrics, std::move(log),
                                            request_log, keys, std::move(exporter), clock));
  absl::StatusOr<std::unique_ptr<ConnectionListener>> listener =
      ConnectionListener::Listen(options.listen, *connections);
  if (!listener.ok()) return Annotated("--listen: ", listener.status());
  server->listener_ = *std::move(listener);
  server->port_ = server->listener_->port();
  RETURN_IF_ERROR(server->ListenForMetrics());
  RETURN_IF_ERROR(server->ListenForCalls());
  return server;
}

Server::Server(const ServerOptions& options, Generator* generator, PrometheusMetrics* metrics,
               std::shared_ptr<LogWriter> log_writer, std::shared_ptr<RequestLog> log,
               std::shared_ptr<ApiKeys> keys, std::shared_ptr<OtlpExporter> exporter,
               const Clock* clock)
    : options_(options),
      generator_(generator),
      metrics_(metrics),
      log_writer_(std::move(log_writer)),
      log_(std::move(log)),
      keys_(std::move(keys)),
      exporter_(std::move(exporter)),
      slots_(LimitsOfCalls(options)),
      call_timer_(&calls_, clock),
      load_(metrics, options.generator.limits.max_batch, clock),
      service_({.generator = generator,
                .metrics = metrics,
                .log = log_.get(),
                .slots = &slots_,
                .calls = &calls_,
                .keys = keys_.get(),
                .options = &options_,
                .clock = clock,
                .load = &load_,
                .tracer = MakeTracer(options_, exporter_)},
               VIDMUSE_VERSION),
      health_service_(MostHealthReads(options)),
      load_service_(&load_, kMostLoadStreams, clock) {}

Server::~Server() { Shutdown(); }

absl::Status Server::ListenForMetrics() {
  if (options_.metrics_listen.empty()) return absl::OkStatus();
  using prometheus::MetricType;
  std::vector<ReadMetric> more;
  more.push_back({MetricType::Counter, "vidmuse_log_lines_dropped_total",
                  "Lines of the log that could not be written, or not fast enough.",
                  [log = log_writer_] { return static_cast<double>(log->dropped()); }});
  more.push_back({MetricType::Gauge, "vidmuse_connections", "Connections that are open.",
                  [this] { return static_cast<double>(listener_->connections()); }});
  more.push_back({MetricType::Counter, "vidmuse_connections_refused_total",
                  "Connections closed as they came, since there were max_connections.",
                  [this] { return static_cast<double>(listener_->refused()); }});
  if (exporter_ != nullptr) {
    more.push_back({MetricType::Counter, "vidmuse_trace_spans_exported_total",
                    "Spans that the collector of traces has taken.",
                    [this] { return static_cast<double>(exporter_->exported()); }});
    more.push_back({MetricType::Counter, "vidmuse_trace_spans_dropped_total",
                    "Spans that the collector of traces refused, or didn't take fast enough.",
                    [this] { return static_cast<double>(exporter_->dropped()); }});
  }
  ASSIGN_OR_RETURN(metrics_listener_, MetricsListener::Start(options_.metrics_listen,
                                                             metrics_->Page(std::move(more))));
  return absl::OkStatus();
}

absl::Status Server::ListenForCalls() {
  // A global switch of gRPC, which applies to servers built afterwards.
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();

  std::shared_ptr<TlsFiles> tls;
  if (!options_.tls_cert.empty()) {
    absl::StatusOr<std::unique_ptr<TlsFiles>> opened =
        TlsFiles::Open({options_.tls_cert, options_.tls_key, options_.tls_client_ca}, log_);
    if (!opened.ok()) return Annotated("TLS: ", opened.status());
    tls = *std::move(opened);
  }
  grpc::ServerBuilder builder;
  SetTransportLimits(options_, builder);
  builder.SetMaxReceiveMessageSize(options_.max_message_bytes);
  // The quota bounds threads alone. Of memory it is no bound: gRPC 1.51 goes far beyond it, and
  // then ends calls at random.
  builder.SetResourceQuota(grpc::ResourceQuota("server").SetMaxThreads(kReflectionThreads));
  auto acceptor = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      MakeServerCredentials(std::move(tls), keys_, draining_));
  builder.RegisterService(&service_);
  builder.RegisterService(&health_service_);
  builder.RegisterService(&load_service_);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) return absl::InternalError("gRPC's server does not start");
  listener_->Start(std::move(acceptor), [this] {
    log_->Notice("connections",
                 absl::StrCat("max_connections = ", listener_->max_connections(),
                              " are open; more are closed as they come"),
                 Severity::kWarning);
  });
  health_ = std::make_unique<HealthReporter>(generator_, &health_service_, kHealthPeriod);
  return absl::OkStatus();
}

bool Server::Drain(absl::Duration grace) {
  const absl::Duration end = Now() + grace;
  const absl::Duration cut = end - std::min(grace / 2, kHandOver);
  health_->SetDraining();
  generator_->BeginDrain();
  BeginShutdown();
  // Waits first for the generator's requests, then for the calls that still send their audio.
  bool idle = generator_->WaitUntilIdle(cut - Now());
  idle = calls_.WaitUntilIdle(std::max(cut - Now(), absl::ZeroDuration())) && idle;
  if (!idle) {
    calls_.EndAll(
        absl::UnavailableError("the server is shutting down: another one can go on with `resume`"));
    calls_.WaitUntilIdle(std::max(end - kShutdownGrace - Now(), kLeastHandOver));
  }
  Shutdown();
  if (exporter_ != nullptr) {
    exporter_->Close(std::clamp((end - Now()) / 2, absl::ZeroDuration(), kLongestFlush));
  }
  return idle;
}

void Server::BeginShutdown() {
  if (shutdown_thread_.joinable()) return;
  listener_->StopAccepting();
  draining_->store(true);
  shutdown_thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "vm-shutdown");
    // This returns when all calls have ended by themselves or were cancelled by Server::Shutdown.
    // No deadline is given here, because gRPC would measure it by the wall clock.
    server_->Shutdown();
    MutexLock lock(&mutex_);
    shut_down_ = true;
  });
}

void Server::Shutdown() {
  health_.reset();
  if (server_ != nullptr) {
    BeginShutdown();
    {
      MutexLock lock(&mutex_);
      mutex_.AwaitFor(kShutdownGrace,
                      [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return shut_down_; });
    }
    grpc_server_cancel_all_calls(server_->c_server());
    shutdown_thread_.join();
    calls_.WaitUntilIdle(absl::InfiniteDuration());
  }
  metrics_listener_.reset();
  // The listener's acceptor belongs to gRPC's server, so it goes first.
  listener_.reset();
  server_.reset();
}

}  // namespace vidmuse
