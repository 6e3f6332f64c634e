#include "server/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

constexpr absl::Duration kHealthPeriod = absl::Seconds(1);
// For calls that are cut off to be told so.
constexpr absl::Duration kHandOverGrace = absl::Seconds(1);
// For calls that only wait, such as a health Watch, to be told that the server goes.
constexpr absl::Duration kShutdownGrace = absl::Milliseconds(200);

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

// Dead peers are noticed, and peers that send too many pings or headers are cut off.
void SetTransportLimits(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(absl::Seconds(60)));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(absl::Seconds(20)));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // The server's own pings: an idle wait for audio is no reason to stop them.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             Milliseconds(absl::Seconds(10)));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 256);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 16 << 10);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      Generator* generator,
                                                      PrometheusMetrics* metrics,
                                                      std::ostream* log) {
  std::unique_ptr<Server> server(new Server(options, generator, metrics, log));
  RETURN_IF_ERROR(server->ListenForMetrics());
  RETURN_IF_ERROR(server->ListenForCalls());
  return server;
}

Server::Server(const ServerOptions& options, Generator* generator, PrometheusMetrics* metrics,
               std::ostream* log)
    : options_(options),
      generator_(generator),
      metrics_(metrics),
      log_(log),
      tracker_(options.max_concurrent_uploads),
      service_({generator, metrics, &log_, &tracker_, &options_}, VIDMUSE_VERSION) {}

Server::~Server() { Shutdown(); }

absl::Status Server::ListenForMetrics() {
  if (options_.metrics_listen.empty()) return absl::OkStatus();
  try {
    exposer_ = std::make_unique<prometheus::Exposer>(options_.metrics_listen);
    exposer_->RegisterCollectable(metrics_->registry());
    metrics_port_ = exposer_->GetListeningPorts().at(0);
  } catch (const std::exception& e) {
    return absl::UnavailableError(absl::StrCat("--metrics_listen: cannot listen on ",
                                               options_.metrics_listen, ": ", e.what()));
  }
  return absl::OkStatus();
}

absl::Status Server::ListenForCalls() {
  // Both are switches of the library: they hold for servers built from now on.
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();

  grpc::ServerBuilder builder;
  SetTransportLimits(builder);
  builder.SetMaxReceiveMessageSize(options_.max_message_bytes);
  builder.AddListeningPort(options_.listen, grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(&service_);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port_ == 0) {
    return absl::UnavailableError(absl::StrCat("--listen: cannot listen on ", options_.listen,
                                               ": in use, or not an address of this host"));
  }
  health_ =
      std::make_unique<HealthReporter>(generator_, server_->GetHealthCheckService(), kHealthPeriod);
  return absl::OkStatus();
}

bool Server::Drain(absl::Duration grace) {
  const absl::Time deadline = absl::Now() + grace;
  health_->SetDraining();
  generator_->BeginDrain();
  // The generator's requests first, then what is still to be sent of them.
  bool idle = generator_->WaitUntilIdle(grace);
  idle = tracker_.WaitUntilIdle(std::max(deadline - absl::Now(), absl::ZeroDuration())) && idle;
  if (!idle) {
    tracker_.EndAll(
        absl::UnavailableError("the server is shutting down: another one can go on with `resume`"));
    tracker_.WaitUntilIdle(kHandOverGrace);
  }
  Shutdown();
  return idle;
}

void Server::Shutdown() {
  health_.reset();
  if (server_ != nullptr) {
    server_->Shutdown(absl::ToChronoTime(absl::Now() + kShutdownGrace));
    server_->Wait();
    tracker_.WaitUntilIdle(absl::InfiniteDuration());
    server_.reset();
  }
  exposer_.reset();
}

}  // namespace vidmuse
