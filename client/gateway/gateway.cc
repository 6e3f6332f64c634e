#include "client/gateway/gateway.h"

#include <microhttpd.h>
#include <unistd.h>

#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/cli/credentials.h"
#include "client/gateway/connection_watch.h"
#include "client/gateway/exchange.h"
#include "client/gateway/gateway_metrics.h"
#include "client/gateway/http_status.h"
#include "client/gateway/openapi.h"
#include "client/gateway/page_files.h"
#include "client/gateway/service_info.h"
#include "client/request_id.h"
#include "core/base/clock.h"
#include "core/base/listen_socket.h"
#include "core/base/small_file.h"
#include "core/base/status_macros.h"
#include "telemetry/otlp_exporter.h"
#include "telemetry/tracer.h"

namespace vidmuse {
namespace {

// Most of a request that MHD keeps in memory, its header above all.
constexpr size_t kConnectionBytes = 96 << 10;
constexpr size_t kBlockBytes = 32 << 10;
constexpr size_t kMaxFields = 64;  // of a query
// Of the fields of all forms at once, and of those of one client.
constexpr uint64_t kMaxFieldsBytes = 256 << 20;
constexpr uint64_t kMaxClientFieldsBytes = 32 << 20;
// For a collector to take the last spans.
constexpr absl::Duration kTraceFlush = absl::Seconds(2);
constexpr char kRetryAfterSeconds[] = "5";
// MHD cuts an idle connection this much later than the watch gives it up.
constexpr int kAfterWatchSeconds = 5;

// The client's key, to be handed on. Empty: it has none.
std::string ApiKeyOf(const Exchange& exchange) {
  constexpr char kBearer[] = "Bearer ";
  const std::string authorization = exchange.Header("authorization");
  if (absl::StartsWithIgnoreCase(authorization, kBearer)) {
    return authorization.substr(sizeof(kBearer) - 1);
  }
  return exchange.Header("x-api-key");
}

absl::Duration Now() { return Clock::Real()->Monotonic(); }

class HttpGateway final : public Gateway {
 public:
  HttpGateway(const GatewayOptions& options, std::shared_ptr<LogWriter> log)
      : options_(options),
        log_(std::move(log)),
        budget_(options.max_upload_bytes, options.max_upload_bytes_per_client),
        fields_(kMaxFieldsBytes, kMaxClientFieldsBytes),
        watch_({.header = absl::Seconds(options.header_timeout_seconds),
                .idle = absl::Seconds(options.idle_timeout_seconds),
                .body = absl::Seconds(options.request_timeout_seconds),
                .tls = !options.tls_cert.empty()}) {}
  ~HttpGateway() override {
    if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
  }

  absl::Status Open() {
    ClientOptions client;
    client.addresses = options_.servers.servers;
    ASSIGN_OR_RETURN(client.credentials, ChannelCredentials(options_.servers));
    ASSIGN_OR_RETURN(client.api_key, ApiKey(options_.servers));
    client.allow_plaintext_api_key = options_.servers.allow_plaintext_api_key;
    client.max_busy_wait = absl::Seconds(options_.busy_wait_seconds);
    ASSIGN_OR_RETURN(info_, ServiceInfo::Create(client));
    ASSIGN_OR_RETURN(exporter_,
                     OtlpExporter::Open(options_.otlp_endpoint, "vidmuse_gateway", kTraceFlush));
    if (exporter_ != nullptr) {
      tracer_ = std::make_shared<const Tracer>(exporter_, options_.trace_sample_share);
    }
    client.tracer = tracer_;
    ASSIGN_OR_RETURN(client_, MusicClient::Create(client));
    if (!options_.tls_cert.empty()) {
      ASSIGN_OR_RETURN(certificate_, ReadNonEmptyFile(options_.tls_cert));
      ASSIGN_OR_RETURN(key_, ReadNonEmptyFile(options_.tls_key));
    }
    // MHD takes one socket.
    ASSIGN_OR_RETURN(std::vector<UniqueFd> sockets, ListenOnAll(options_.listen));
    port_ = PortOf(sockets.front().get());
    return StartDaemon(sockets.front().Release());
  }

  int port() const override { return port_; }

  void Drain(absl::Duration timeout) override {
    // The caller closes the socket.
    if (const MHD_socket socket = MHD_quiesce_daemon(daemon_); socket >= 0) close(socket);
    watch_.WaitForRequests(timeout);
  }

 private:
  absl::Status StartDaemon(int socket) {
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
                     MHD_USE_POLL | MHD_USE_ITC;
    std::vector<MHD_OptionItem> more;
    if (!certificate_.empty()) {
      flags |= MHD_USE_TLS;
      more.push_back({MHD_OPTION_HTTPS_MEM_CERT, 0, certificate_.data()});
      more.push_back({MHD_OPTION_HTTPS_MEM_KEY, 0, key_.data()});
    }
    more.push_back({MHD_OPTION_END, 0, nullptr});
    daemon_ = MHD_start_daemon(
        flags, 0, nullptr, nullptr, &HttpGateway::OnRequest, this,  //
        MHD_OPTION_LISTEN_SOCKET, socket,                           //
        MHD_OPTION_CONNECTION_LIMIT, static_cast<unsigned>(options_.max_connections),
        MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        static_cast<unsigned>(options_.max_connections_per_client),  //
        MHD_OPTION_CONNECTION_TIMEOUT,
        static_cast<unsigned>(options_.idle_timeout_seconds + kAfterWatchSeconds),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionBytes,            //
        MHD_OPTION_NOTIFY_CONNECTION, &HttpGateway::OnConnection, this,  //
        MHD_OPTION_NOTIFY_COMPLETED, &HttpGateway::OnCompleted, this,    //
        MHD_OPTION_ARRAY, more.data(), MHD_OPTION_END);
    if (daemon_ != nullptr) return absl::OkStatus();
    close(socket);
    return absl::FailedPreconditionError(absl::StrCat("HTTP can't be served on ", options_.listen));
  }

  static void OnConnection(void* self, MHD_Connection* connection, void** /*context*/,
                           MHD_ConnectionNotificationCode code) {
    auto* gateway = static_cast<HttpGateway*>(self);
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
      const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
      gateway->watch_.Add(connection, info->connect_fd);
    } else {
      gateway->watch_.Remove(connection);
    }
  }

  static MHD_Result OnRequest(void* self, MHD_Connection* connection, const char* url,
                              const char* method, const char* /*version*/, const char* data,
                              size_t* size, void** context) {
    auto* gateway = static_cast<HttpGateway*>(self);
    try {
      auto* exchange = static_cast<Exchange*>(*context);
      if (exchange == nullptr) {
        exchange = new Exchange;
        *context = exchange;
        return gateway->Begin(*exchange, connection, url, method);
      }
      if (*size > 0) {
        gateway->watch_.Receive(connection);
        AddBody(*exchange, data, *size);
        *size = 0;
        return MHD_YES;
      }
      gateway->watch_.BeginAnswer(connection);
      if (exchange->code != 0) return MHD_YES;  // answered before the body
      return exchange->music == nullptr ? gateway->AnswerSimple(*exchange)
                                        : gateway->EndMusic(*exchange);
    } catch (const std::exception&) {
      return MHD_NO;  // closes the connection
    }
  }

  MHD_Result Begin(Exchange& exchange, MHD_Connection* connection, const char* url,
                   const char* method) {
    watch_.BeginRequest(connection);
    metrics_.OnBegin();
    exchange.connection = connection;
    exchange.method = method;
    exchange.begin = Now();
    const std::string given = exchange.Header("x-request-id");
    exchange.request_id = MayBePassedOn(given) ? given : NewRequestId();
    static constexpr const char* kRoutes[] = {"/v1/music", "/v1/model", "/healthz",
                                              "/readyz",   "/metrics",  "/openapi.json"};
    exchange.route = "other";
    for (const char* route : kRoutes) {
      if (std::strcmp(url, route) == 0) exchange.route = route;
    }
    exchange.page = FindPageFile(url);
    if (exchange.page != nullptr) exchange.route = "page";
    if (exchange.route != "/v1/music" || exchange.method != "POST") return MHD_YES;
    exchange.failure = BeginMusic(exchange);
    // Refused before the body is sent, if the client waits for that.
    return exchange.failure.ok() ? MHD_YES : Fail(exchange, exchange.failure);
  }

  absl::Status BeginMusic(Exchange& exchange) {
    MusicExchange::Request request;
    request.request_id = exchange.request_id;
    request.api_key = ApiKeyOf(exchange);
    exchange.trace =
        RequestTrace(tracer_, exchange.Header("traceparent"), exchange.Header("tracestate"));
    request.traceparent = exchange.trace.traceparent();
    request.tracestate = exchange.trace.tracestate();
    const std::string length = exchange.Header("content-length");
    uint64_t bytes = 0;
    if (!length.empty() && absl::SimpleAtoi(length, &bytes)) request.video_bytes = bytes;
    request.events =
        absl::StrContains(absl::AsciiStrToLower(exchange.Header("accept")), "text/event-stream");
    request.form =
        absl::StartsWithIgnoreCase(exchange.Header("content-type"), "multipart/form-data");
    request.timeout = absl::Seconds(options_.request_timeout_seconds);
    request.max_video_bytes = options_.max_video_bytes;
    request.owners = {absl::StrCat("address ", exchange.ClientNetwork())};
    if (!request.api_key.empty()) request.owners.push_back(absl::StrCat("key ", request.api_key));
    const bool form = request.form;
    std::vector<std::string> owners = request.owners;
    exchange.music = std::make_unique<MusicExchange>(client_.get(), &budget_, std::move(request),
                                                     [&exchange] { return exchange.Gone(); });
    exchange.body =
        std::make_unique<RequestBody>(exchange.music.get(), &fields_, std::move(owners));
    RETURN_IF_ERROR(SetQuery(exchange));
    if (form) RETURN_IF_ERROR(exchange.body->ReadForm(exchange.connection));
    return exchange.music->Begin();
  }

  static absl::Status SetQuery(Exchange& exchange) {
    struct Query {
      MusicExchange* music;
      absl::Status status;
      size_t count = 0;
    } query = {exchange.music.get(), absl::OkStatus()};
    MHD_get_connection_values(
        exchange.connection, MHD_GET_ARGUMENT_KIND,
        [](void* to, MHD_ValueKind, const char* name, const char* value) {
          auto* query = static_cast<Query*>(to);
          query->status = ++query->count > kMaxFields
                              ? absl::InvalidArgumentError("too many fields")
                              : query->music->SetField(name, value == nullptr ? "" : value);
          return query->status.ok() ? MHD_YES : MHD_NO;
        },
        &query);
    return query.status;
  }

  static void AddBody(Exchange& exchange, const char* data, size_t size) {
    // A body that nobody asked for is thrown away.
    if (!exchange.failure.ok() || exchange.body == nullptr) return;
    exchange.failure = exchange.body->Add(data, size);
  }

  MHD_Result EndMusic(Exchange& exchange) {
    if (exchange.failure.ok()) exchange.failure = exchange.body->End();
    if (!exchange.failure.ok()) return Fail(exchange, exchange.failure);

    MHD_Response* response = nullptr;
    if (const int file = exchange.music->TakeFile(); file >= 0) {
      exchange.first_byte = Now() - exchange.begin;
      exchange.sent = exchange.music->file_bytes();
      response = MHD_create_response_from_fd64(exchange.sent, file);  // closes the file
    } else {
      response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, kBlockBytes,
                                                   &HttpGateway::OnRead, &exchange, nullptr);
    }
    if (response == nullptr) return MHD_NO;
    const auto add = [&](const char* name, const std::string& value) {
      MHD_add_response_header(response, name, value.c_str());
    };
    add("content-type", exchange.music->content_type());
    if (exchange.music->has_events()) {
      add("cache-control", "no-store");
      add("x-accel-buffering", "no");  // else nginx holds events back
    } else {
      const v1::GenerationStarted& started = exchange.music->started();
      add("x-vidmuse-seed", absl::StrCat(started.seed()));
      add("x-vidmuse-samples", absl::StrCat(started.total_samples()));
      add("x-vidmuse-sample-rate", absl::StrCat(started.sample_rate()));
    }
    return Queue(exchange, 200, response);
  }

  static ssize_t OnRead(void* self, uint64_t /*position*/, char* out, size_t size) {
    auto* exchange = static_cast<Exchange*>(self);
    const absl::StatusOr<size_t> count = exchange->music->Read(out, size);
    if (!count.ok()) {
      exchange->failure = count.status();
      return MHD_CONTENT_READER_END_WITH_ERROR;  // cuts the connection
    }
    if (*count == 0) {
      exchange->failure = exchange->music->told();
      return MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (exchange->sent == 0) exchange->first_byte = Now() - exchange->begin;
    exchange->sent += *count;
    return static_cast<ssize_t>(*count);
  }

  static const char* Methods(const Exchange& exchange) {
    return exchange.route == "/v1/music" ? "POST, OPTIONS" : "GET, HEAD, OPTIONS";
  }

  MHD_Result AnswerSimple(Exchange& exchange) {
    const bool get = exchange.method == "GET" || exchange.method == "HEAD";
    const bool music = exchange.route == "/v1/music";
    if (exchange.route == "other") return Fail(exchange, absl::NotFoundError("no such path"));
    if (exchange.method == "OPTIONS") return Preflight(exchange);
    if (music || !get) {
      MHD_Response* response =
          Body(ErrorBody(absl::UnimplementedError("no such method here")), "application/json");
      MHD_add_response_header(response, "allow", Methods(exchange));
      return Queue(exchange, 405, response);
    }
    if (exchange.page != nullptr) return Page(exchange);
    if (exchange.route == "/openapi.json") return Ok(exchange, kOpenApi, "application/json");
    if (exchange.route == "/metrics") {
      return Ok(exchange, metrics_.Text(), "text/plain; version=0.0.4; charset=utf-8");
    }
    if (exchange.route == "/healthz") return Ok(exchange, "ok\n", "text/plain");
    if (exchange.route == "/readyz") {
      const absl::Status ready = info_->Ready();
      return ready.ok() ? Ok(exchange, "ready\n", "text/plain") : Fail(exchange, ready);
    }
    const absl::StatusOr<std::string> model = info_->ModelJson(ApiKeyOf(exchange));
    return model.ok() ? Ok(exchange, *model, "application/json") : Fail(exchange, model.status());
  }

  MHD_Result Page(Exchange& exchange) {
    const bool is_held = absl::StrContains(exchange.Header("if-none-match"), exchange.page->etag);
    MHD_Response* response = PageResponse(*exchange.page, is_held);
    if (response == nullptr) return MHD_NO;
    return Queue(exchange, is_held ? 304 : 200, response);
  }

  MHD_Result Preflight(Exchange& exchange) {
    MHD_Response* response = Body("", "text/plain");
    MHD_add_response_header(response, "allow", Methods(exchange));
    if (!options_.cors_origin.empty()) {
      MHD_add_response_header(response, "access-control-allow-methods", Methods(exchange));
      MHD_add_response_header(
          response, "access-control-allow-headers",
          "authorization, content-type, traceparent, tracestate, x-api-key, x-request-id");
      MHD_add_response_header(response, "access-control-max-age", "3600");
    }
    return Queue(exchange, 204, response);
  }

  static MHD_Response* Body(const std::string& text, const char* content_type) {
    MHD_Response* response = MHD_create_response_from_buffer(
        text.size(), const_cast<char*>(text.data()), MHD_RESPMEM_MUST_COPY);
    if (response == nullptr) throw std::bad_alloc();
    MHD_add_response_header(response, "content-type", content_type);
    return response;
  }
  MHD_Result Ok(Exchange& exchange, const std::string& text, const char* content_type) {
    return Queue(exchange, 200, Body(text, content_type));
  }
  MHD_Result Fail(Exchange& exchange, const absl::Status& status) {
    exchange.failure = status;
    const bool too_large = exchange.music != nullptr && exchange.music->too_large();
    const int code = too_large ? 413 : HttpCode(status.code());
    MHD_Response* response = Body(ErrorBody(status), "application/json");
    if (code == 429 || code == 503) {
      MHD_add_response_header(response, "retry-after", kRetryAfterSeconds);
    }
    if (code == 401) MHD_add_response_header(response, "www-authenticate", "Bearer");
    return Queue(exchange, code, response);
  }

  // Takes the response.
  MHD_Result Queue(Exchange& exchange, int code, MHD_Response* response) {
    exchange.code = code;
    watch_.BeginAnswer(exchange.connection);
    MHD_add_response_header(response, "x-request-id", exchange.request_id.c_str());
    if (!options_.cors_origin.empty()) {
      MHD_add_response_header(response, "access-control-allow-origin",
                              options_.cors_origin.c_str());
      MHD_add_response_header(
          response, "access-control-expose-headers",
          "x-request-id, x-vidmuse-seed, x-vidmuse-samples, x-vidmuse-sample-rate, retry-after");
    }
    const MHD_Result result =
        MHD_queue_response(exchange.connection, static_cast<unsigned>(code), response);
    MHD_destroy_response(response);
    return result;
  }

  static void OnCompleted(void* self, MHD_Connection* connection, void** context,
                          MHD_RequestTerminationCode /*code*/) {
    auto* gateway = static_cast<HttpGateway*>(self);
    const std::unique_ptr<Exchange> exchange(static_cast<Exchange*>(*context));
    *context = nullptr;
    if (exchange == nullptr) return;
    const uint64_t received = exchange->body == nullptr ? 0 : exchange->body->received();
    exchange->body = nullptr;
    exchange->music = nullptr;  // ends the song
    const absl::Status given_up = gateway->watch_.EndRequest(connection);
    if (!given_up.ok() && exchange->code == 0) {
      exchange->code = 408;
      exchange->failure = given_up;
    }
    const absl::Duration took = Now() - exchange->begin;
    gateway->metrics_.OnEnd(exchange->route, exchange->code, took, exchange->first_byte, received,
                            exchange->sent);
    const AccessRecord record = {.request_id = exchange->request_id,
                                 .method = exchange->method,
                                 .route = exchange->route,
                                 .trace_id = exchange->trace.trace_id(),
                                 .code = exchange->code,
                                 .status = exchange->failure,
                                 .took = took,
                                 .received = received,
                                 .sent = exchange->sent};
    exchange->trace.End(record);
    gateway->log_->Write(AccessLogLine(record));
  }

  const GatewayOptions options_;
  const std::shared_ptr<LogWriter> log_;
  std::string certificate_, key_;
  int port_ = 0;
  UploadBudget budget_;  // of videos, on disk
  UploadBudget fields_;  // of forms' fields, in memory
  GatewayMetrics metrics_;
  std::shared_ptr<OtlpExporter> exporter_;  // null: no traces are recorded
  std::shared_ptr<const Tracer> tracer_;    // null too then
  std::unique_ptr<ServiceInfo> info_;
  std::unique_ptr<MusicClient> client_;
  ConnectionWatch watch_;
  MHD_Daemon* daemon_ = nullptr;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Gateway>> Gateway::Start(const GatewayOptions& options,
                                                        std::shared_ptr<LogWriter> log) {
  auto gateway = std::make_unique<HttpGateway>(options, std::move(log));
  RETURN_IF_ERROR(gateway->Open());
  return gateway;
}

}  // namespace vidmuse
