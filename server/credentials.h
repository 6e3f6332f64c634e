// How clients connect: TLS and API keys, and what they are told while the server drains.
#ifndef VIDMUSE_SERVER_CREDENTIALS_H_
#define VIDMUSE_SERVER_CREDENTIALS_H_

#include <grpcpp/security/server_credentials.h>

#include <atomic>
#include <memory>

#include "server/api_keys.h"
#include "server/tls_files.h"

namespace vidmuse {

// `tls` null: plain text. `keys` null: none are needed; else every call but those of
// grpc.health.v1.Health needs one, before it reaches its handler. GenerateMusic is let through: it
// checks its calls itself, before it reads, and so counts and logs what it refuses.
// While `draining` is true every new call ends with UNAVAILABLE, before it reaches its handler; set
// it before the server's shutdown begins. All arguments are held as long as connections live.
std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(
    std::shared_ptr<TlsFiles> tls, std::shared_ptr<ApiKeys> keys,
    std::shared_ptr<const std::atomic<bool>> draining);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_CREDENTIALS_H_
