// How clients connect: TLS, API keys, and the refusal of new calls while the server drains.
#ifndef VIDMUSE_SERVER_CREDENTIALS_H_
#define VIDMUSE_SERVER_CREDENTIALS_H_

#include <grpcpp/security/server_credentials.h>

#include <atomic>
#include <memory>

#include "server/api_keys.h"
#include "server/tls_files.h"

namespace vidmuse {

// If `tls` is null, connections are in plain text. If `keys` is null, calls need no key. Otherwise
// every call needs a valid key before it reaches its handler, with two exceptions:
// grpc.health.v1.Health needs no key, and GenerateMusic checks the key itself before it reads, so
// that it can count and log the calls that it refuses.
// While `draining` is true, every new call ends with UNAVAILABLE before it reaches its handler. Set
// it before the server's shutdown begins. All arguments are kept alive while connections live.
std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(
    std::shared_ptr<TlsFiles> tls, std::shared_ptr<ApiKeys> keys,
    std::shared_ptr<const std::atomic<bool>> draining);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_CREDENTIALS_H_
