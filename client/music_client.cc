#include "client/music_client.h"

#include <chrono>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "client/address.h"
#include "client/request_id.h"
#include "client/resumable_call.h"
#include "client/retry_policy.h"
#include "core/base/mutex.h"
#include "core/base/status_macros.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "telemetry/trace_context.h"

namespace vidmuse {
namespace {

// Enough for a chunk of at most 30 s of audio.
constexpr int kMaxReceiveBytes = 16 << 20;
// A server that vanishes is noticed after the sum of these two. Servers allow one ping every 10 s.
constexpr int kKeepaliveMs = 30'000;
constexpr int kKeepaliveTimeoutMs = 20'000;

// How long to wait for a replica whose connection has failed.
constexpr std::chrono::milliseconds kReconnectWait(500);

grpc::ChannelArguments ChannelArguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  arguments.SetLoadBalancingPolicyName("round_robin");
  // Short, so that a replica that comes back is found soon after a failed attempt.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // This is also gRPC's time limit for a connection attempt.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // This library retries by itself, because it knows what was received.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return arguments;
}

absl::Status CheckApiKey(const ClientOptions& options, const std::string& key) {
  if (!IsVisible(key)) {
    // The key is not quoted, because errors are logged.
    return absl::InvalidArgumentError("api_key has characters that are not visible ASCII");
  }
  const bool is_secret = options.credentials != nullptr || options.allow_plaintext_api_key;
  if (key.empty() || is_secret) return absl::OkStatus();
  for (const std::string& address : options.addresses) {
    if (IsThisMachine(address)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "the API key would go to ", address,
        " in plain text: connect with TLS (--tls), or allow it (--allow_plaintext_api_key)"));
  }
  return absl::OkStatus();
}

absl::Status CheckOptions(const ClientOptions& options) {
  if (options.addresses.empty()) return absl::InvalidArgumentError("no server address");
  for (const std::string& address : options.addresses) {
    if (address.empty()) return absl::InvalidArgumentError("an empty server address");
  }
  RETURN_IF_ERROR(CheckApiKey(options, options.api_key));
  if (options.max_retries < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_retries must be at least 0, not ", options.max_retries));
  }
  if (options.initial_backoff <= absl::ZeroDuration() ||
      options.max_backoff < options.initial_backoff) {
    return absl::InvalidArgumentError(
        absl::StrCat("initial_backoff must be above 0 and at most max_backoff, not ",
                     absl::FormatDuration(options.initial_backoff), " and ",
                     absl::FormatDuration(options.max_backoff)));
  }
  return absl::OkStatus();
}

// Lets a broken channel connect again. gRPC fails calls on a broken channel at once, and reconnects
// only while somebody waits for it. Without this, a call right after a replica came back would
// fail.
void AwaitConnection(grpc::Channel& channel) {
  const auto until = std::chrono::system_clock::now() + kReconnectWait;
  if (channel.GetState(true) == GRPC_CHANNEL_TRANSIENT_FAILURE) channel.WaitForConnected(until);
}

absl::Status Annotate(const absl::Status& status, const std::string& address) {
  return absl::Status(status.code(), absl::StrCat(address, ": ", status.message()));
}

}  // namespace

struct Cancellation::State {
  mutable Mutex mutex;
  bool cancelled ABSL_GUARDED_BY(mutex) = false;
  grpc::ClientContext* context ABSL_GUARDED_BY(mutex) = nullptr;
};

Cancellation::Cancellation() : state_(std::make_unique<State>()) {}

Cancellation::~Cancellation() = default;

void Cancellation::Cancel() {
  MutexLock lock(&state_->mutex);
  state_->cancelled = true;
  if (state_->context != nullptr) state_->context->TryCancel();
}

bool Cancellation::cancelled() const {
  MutexLock lock(&state_->mutex);
  return state_->cancelled;
}

void Cancellation::Attach(grpc::ClientContext* context) {
  MutexLock lock(&state_->mutex);
  state_->context = context;
  if (state_->cancelled) context->TryCancel();
}

void Cancellation::Detach() {
  MutexLock lock(&state_->mutex);
  state_->context = nullptr;
}

void Cancellation::WaitFor(absl::Duration timeout) const {
  State& state = *state_;
  MutexLock lock(&state.mutex);
  state.mutex.AwaitFor(
      timeout, [&state]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(state.mutex) { return state.cancelled; });
}

struct MusicClient::Replica {
  std::string address;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::MusicService::Stub> music;
};

absl::StatusOr<std::unique_ptr<MusicClient>> MusicClient::Create(ClientOptions options) {
  RETURN_IF_ERROR(CheckOptions(options));
  std::shared_ptr<grpc::ChannelCredentials> credentials = options.credentials;
  if (credentials == nullptr) credentials = grpc::InsecureChannelCredentials();
  std::vector<Replica> replicas;
  for (const std::string& address : options.addresses) {
    Replica replica;
    replica.address = address;
    replica.channel = grpc::CreateCustomChannel(address, credentials, ChannelArguments());
    replica.music = v1::MusicService::NewStub(replica.channel);
    replicas.push_back(std::move(replica));
  }
  // std::make_unique cannot call the private constructor.
  return std::unique_ptr<MusicClient>(new MusicClient(std::move(options), std::move(replicas)));
}

MusicClient::MusicClient(ClientOptions options, std::vector<Replica> replicas)
    : options_(std::move(options)), replicas_(std::move(replicas)) {}

MusicClient::~MusicClient() = default;

absl::Status MusicClient::Generate(const GenerateOptions& options, const VideoSource& video,
                                   const GenerateSink& sink) {
  uint64_t received = options.config.resume().received_bytes();
  for (const v1::ResumeVariant& variant : options.config.resume().variants()) {
    received += variant.received_bytes();
  }
  if (received != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("resume.received_bytes must be 0, not ", received));
  }
  if (!IsVisible(options.request_id) || !IsVisible(options.traceparent)) {
    return absl::InvalidArgumentError(
        "request_id or traceparent has characters that are not visible ASCII");
  }
  if (!options.tracestate.empty() && !IsTracestate(options.tracestate)) {
    return absl::InvalidArgumentError("tracestate is not at most 512 printable ASCII characters");
  }
  RETURN_IF_ERROR(CheckApiKey(options_, options.api_key));
  ResumableCall call(options_, options, video, sink);
  return call.Run([this](int attempt) {
    const Replica& replica = replicas_[static_cast<size_t>(attempt) % replicas_.size()];
    AwaitConnection(*replica.channel);
    return replica.music.get();
  });
}

absl::StatusOr<v1::GetModelInfoResponse> MusicClient::GetModelInfo(absl::Duration timeout,
                                                                   const std::string& api_key) {
  const absl::Time deadline = absl::Now() + timeout;
  absl::Status failure;
  for (const Replica& replica : replicas_) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(deadline));
    AddApiKey(api_key.empty() ? options_.api_key : api_key, &context);
    v1::GetModelInfoResponse response;
    const absl::Status status =
        FromGrpcStatus(replica.music->GetModelInfo(&context, {}, &response));
    if (status.ok()) return response;
    failure = Annotate(status, replica.address);
    if (!IsTransportFailure(status)) break;
  }
  return failure;
}

absl::Status MusicClient::CheckHealth(absl::Duration timeout, const std::string& service) {
  using grpc::health::v1::HealthCheckResponse;
  const absl::Time deadline = absl::Now() + timeout;
  for (const Replica& replica : replicas_) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(deadline));
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    HealthCheckResponse response;
    const auto stub = grpc::health::v1::Health::NewStub(replica.channel);
    const absl::Status status = FromGrpcStatus(stub->Check(&context, request, &response));
    if (!status.ok()) return Annotate(status, replica.address);
    if (response.status() != HealthCheckResponse::SERVING) {
      return absl::UnavailableError(absl::StrCat(
          replica.address, ": ", HealthCheckResponse::ServingStatus_Name(response.status())));
    }
  }
  return absl::OkStatus();
}

}  // namespace vidmuse
