// The credentials that the command line sends to a server: certificates and an API key.
#ifndef VIDMUSE_CLIENT_CLI_CREDENTIALS_H_
#define VIDMUSE_CLIENT_CLI_CREDENTIALS_H_

#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/flags.h"

namespace vidmuse {

// Returns null without --tls. Errors name the file.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> ChannelCredentials(
    const CliOptions& options);

// Reads the key from --api_key_file, else from the environment's VIDMUSE_API_KEY. Returns empty if
// there is none. A key is never taken from the command line, which other users can see.
absl::StatusOr<std::string> ApiKey(const CliOptions& options);

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_CLI_CREDENTIALS_H_
