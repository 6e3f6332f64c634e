#include "server/credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpcpp/support/slice.h>

#include <atomic>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "server/call_metadata.h"

namespace vidmuse {
namespace {

struct State {
  std::shared_ptr<const std::atomic<bool>> draining;
  std::shared_ptr<TlsFiles> tls;
  std::shared_ptr<ApiKeys> keys;
};

absl::string_view View(const grpc_slice& slice) {
  return {reinterpret_cast<const char*>(GRPC_SLICE_START_PTR(slice)), GRPC_SLICE_LENGTH(slice)};
}

absl::string_view Find(const grpc_metadata* metadata, size_t count, absl::string_view key) {
  for (size_t i = 0; i < count; ++i) {
    if (View(metadata[i].key) == key) return View(metadata[i].value);
  }
  return "";
}

// Refuses new calls while the server drains. Once its shutdown has begun, gRPC 1.51 would end them
// with CANCELLED, which clients don't retry.
absl::Status CheckDraining(const State& state) {
  if (!state.draining->load()) return absl::OkStatus();
  return absl::UnavailableError("the server is shutting down");
}

// Refused calls are neither counted nor logged: requests_total counts requested songs, and a client
// that guesses method names and keys must not fill the log.
absl::Status CheckCall(ApiKeys* keys, const grpc_metadata* metadata, size_t count) {
  if (keys == nullptr) return absl::OkStatus();
  const absl::string_view path = Find(metadata, count, ":path");
  if (absl::StartsWith(path, "/grpc.health.v1.Health/") ||
      absl::StartsWith(path, "/xds.service.orca.v3.OpenRcaService/") ||
      path == "/vidmuse.v1.MusicService/GenerateMusic") {
    return absl::OkStatus();
  }
  return keys
      ->Authenticate(Find(metadata, count, kAuthorizationKey), Find(metadata, count, kApiKeyKey))
      .status();
}

// gRPC calls this after a call's headers have arrived and before its handler.
void ProcessMetadata(void* state, grpc_auth_context*, const grpc_metadata* metadata, size_t count,
                     grpc_process_auth_metadata_done_cb done, void* call) {
  const auto& shared = *static_cast<const State*>(state);
  absl::Status status = CheckDraining(shared);
  if (status.ok()) status = CheckCall(shared.keys.get(), metadata, count);
  done(call, nullptr, 0, nullptr, 0, static_cast<grpc_status_code>(status.code()),
       status.ok() ? nullptr : std::string(status.message()).c_str());
}

void DestroyState(void* state) { delete static_cast<State*>(state); }

// gRPC calls this before each handshake.
grpc_ssl_certificate_config_reload_status FetchCertificate(
    void* state, grpc_ssl_server_certificate_config** config) {
  const std::optional<TlsPem> pem = static_cast<State*>(state)->tls->Fetch();
  if (!pem.has_value()) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
  const grpc_ssl_pem_key_cert_pair pair = {pem->key.c_str(), pem->cert.c_str()};
  // gRPC requires an authority even if clients need no certificate. It is then not used.
  const std::string& authority = pem->client_ca.empty() ? pem->cert : pem->client_ca;
  *config = grpc_ssl_server_certificate_config_create(authority.c_str(), &pair, 1);
  return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

grpc_server_credentials* MakeCoreCredentials(State* state) {
  if (state->tls == nullptr) return grpc_insecure_server_credentials_create();
  const auto clients = state->tls->wants_client_certificate()
                           ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                           : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
  return grpc_ssl_server_credentials_create_with_options(
      grpc_ssl_server_credentials_create_options_using_config_fetcher(clients, FetchCertificate,
                                                                      state));
}

// gRPC's own C++ classes either don't reload certificates, or replace a good certificate by a
// damaged one, or ignore metadata without TLS. Its C API has none of these faults.
class CoreCredentials final : public grpc::ServerCredentials {
 public:
  CoreCredentials(std::shared_ptr<TlsFiles> tls, std::shared_ptr<ApiKeys> keys,
                  std::shared_ptr<const std::atomic<bool>> draining) {
    // gRPC owns the state from here on, because connections outlive this object.
    auto* state = new State{std::move(draining), std::move(tls), std::move(keys)};
    credentials_ = MakeCoreCredentials(state);
    grpc_server_credentials_set_auth_metadata_processor(credentials_,
                                                        {ProcessMetadata, DestroyState, state});
  }
  ~CoreCredentials() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  grpc_server_credentials* credentials_;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(
    std::shared_ptr<TlsFiles> tls, std::shared_ptr<ApiKeys> keys,
    std::shared_ptr<const std::atomic<bool>> draining) {
  return std::make_shared<CoreCredentials>(std::move(tls), std::move(keys), std::move(draining));
}

}  // namespace vidmuse
