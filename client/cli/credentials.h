// What the command line shows to a server: certificates and an API key, from files.
#ifndef VIDMUSE_CLIENT_CLI_CREDENTIALS_H_
#define VIDMUSE_CLIENT_CLI_CREDENTIALS_H_

#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/flags.h"

namespace vidmuse {

// Null without --tls. Errors name the file.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> ChannelCredentials(
    const CliOptions& options);

// From --api_key_file, else from VIDMUSE_API_KEY; empty if there is none. Never from the command
// line, which other users of the machine can see.
absl::StatusOr<std::string> ApiKey(const CliOptions& options);

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_CLI_CREDENTIALS_H_
