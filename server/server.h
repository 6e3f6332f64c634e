// Everything that listens: the music service, health, reflection and the metrics page.
#ifndef VIDMUSE_SERVER_SERVER_H_
#define VIDMUSE_SERVER_SERVER_H_

#include <grpcpp/server.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "server/api_keys.h"
#include "server/call_registry.h"
#include "server/call_slots.h"
#include "server/call_timer.h"
#include "server/connection_listener.h"
#include "server/health.h"
#include "server/health_service.h"
#include "server/load_meter.h"
#include "server/load_service.h"
#include "server/metrics.h"
#include "server/metrics_listener.h"
#include "server/music_service.h"
#include "server/options.h"
#include "server/request_log.h"
#include "telemetry/otlp_exporter.h"
#include "vidmuse/generator.h"

namespace vidmuse {

class Server {
 public:
  // Listens for calls and metrics. `generator` and `metrics` must outlive the server;
  // `metrics->Describe` must have been called. `log` gets a line for every request. `clock` is used
  // for the calls' timeouts, but not for their deadlines. Errors: UNAVAILABLE if it cannot listen
  // on an address, RESOURCE_EXHAUSTED if file descriptors are too few, and INVALID_ARGUMENT or
  // NOT_FOUND for a bad or missing file of certificates or keys. The message names the address or
  // the file.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                       Generator* generator,
                                                       PrometheusMetrics* metrics,
                                                       std::shared_ptr<LogWriter> log,
                                                       const Clock* clock = Clock::Real());
  // Ends the calls that still run.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int port() const { return port_; }
  // Returns 0 if no metrics are served.
  int metrics_port() const { return metrics_listener_ == nullptr ? 0 : metrics_listener_->port(); }

  // Health turns to NOT_SERVING (except "liveness"), the port is closed, clients are told by GOAWAY
  // to send new calls elsewhere, and calls that still arrive get UNAVAILABLE. Calls in flight go
  // on, but are ended if they still run shortly before the end of `grace`. Returns true if all of
  // them ended by themselves. Call once.
  bool Drain(absl::Duration grace);

 private:
  Server(const ServerOptions& options, Generator* generator, PrometheusMetrics* metrics,
         std::shared_ptr<LogWriter> log_writer, std::shared_ptr<RequestLog> log,
         std::shared_ptr<ApiKeys> keys, std::shared_ptr<OtlpExporter> exporter, const Clock* clock);

  absl::Status ListenForMetrics();
  absl::Status ListenForCalls();
  // Closes the port and starts gRPC's graceful shutdown in a thread of its own.
  void BeginShutdown();
  void Shutdown() ABSL_LOCKS_EXCLUDED(mutex_);

  const ServerOptions options_;
  Generator* const generator_;
  PrometheusMetrics* const metrics_;
  const std::shared_ptr<LogWriter> log_writer_;
  const std::shared_ptr<RequestLog> log_;
  const std::shared_ptr<ApiKeys> keys_;  // null: no keys are needed
  // Null: no traces are recorded. The generator's requests share it, and may outlive the server.
  const std::shared_ptr<OtlpExporter> exporter_;
  CallSlots slots_;
  CallRegistry calls_;
  CallTimer call_timer_;
  LoadMeter load_;
  MusicService service_;
  HealthService health_service_;
  LoadService load_service_;
  int port_ = 0;
  std::unique_ptr<ConnectionListener> listener_;
  std::unique_ptr<MetricsListener> metrics_listener_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<HealthReporter> health_;
  const std::shared_ptr<std::atomic<bool>> draining_ = std::make_shared<std::atomic<bool>>(false);
  Mutex mutex_;
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;  // gRPC's shutdown is complete
  std::thread shutdown_thread_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_SERVER_H_
