#include "client/cli/credentials.h"

#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/small_file.h"
#include "core/base/status_macros.h"

namespace vidmuse {

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> ChannelCredentials(
    const CliOptions& options) {
  if (!options.tls) return nullptr;
  grpc::SslCredentialsOptions ssl;
  if (!options.tls_ca.empty()) {
    ASSIGN_OR_RETURN(ssl.pem_root_certs, ReadNonEmptyFile(options.tls_ca));
  }
  if (!options.tls_cert.empty()) {
    ASSIGN_OR_RETURN(ssl.pem_cert_chain, ReadNonEmptyFile(options.tls_cert));
    ASSIGN_OR_RETURN(ssl.pem_private_key, ReadNonEmptyFile(options.tls_key));
  }
  return grpc::SslCredentials(ssl);
}

absl::StatusOr<std::string> ApiKey(const CliOptions& options) {
  if (options.api_key_file.empty()) {
    const char* key = std::getenv("VIDMUSE_API_KEY");
    return std::string(key == nullptr ? "" : key);
  }
  ASSIGN_OR_RETURN(const std::string text, ReadNonEmptyFile(options.api_key_file));
  std::string key(absl::StripAsciiWhitespace(text));
  if (!key.empty()) return key;
  return absl::InvalidArgumentError(absl::StrCat(options.api_key_file, " holds no key"));
}

}  // namespace vidmuse
