// How clients connect: TLS and API keys.
#ifndef VIDMUSE_SERVER_CREDENTIALS_H_
#define VIDMUSE_SERVER_CREDENTIALS_H_

#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "server/api_keys.h"
#include "server/tls_files.h"

namespace vidmuse {

// `tls` null: plain text. `keys` null: none are needed; else every call but those of
// grpc.health.v1.Health needs one, before it reaches its handler. GenerateMusic is let through: it
// checks its calls itself, before it reads, and so counts and logs what it refuses. Both arguments
// are held as long as connections live.
std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(std::shared_ptr<TlsFiles> tls,
                                                               std::shared_ptr<ApiKeys> keys);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_CREDENTIALS_H_
