// The metadata that a client sent with its call.
#ifndef VIDMUSE_SERVER_CALL_METADATA_H_
#define VIDMUSE_SERVER_CALL_METADATA_H_

#include <grpcpp/server_context.h>

#include "absl/strings/string_view.h"

namespace vidmuse {

inline constexpr char kAuthorizationKey[] = "authorization";
inline constexpr char kApiKeyKey[] = "x-api-key";
inline constexpr char kTraceparentKey[] = "traceparent";
inline constexpr char kTracestateKey[] = "tracestate";
inline constexpr char kRequestIdKey[] = "x-request-id";

// Returns the first value of `key`, or empty if it was not sent. It lives as long as `context`.
inline absl::string_view ClientMetadata(const grpc::ServerContextBase& context,
                                        absl::string_view key) {
  const auto found = context.client_metadata().find(grpc::string_ref(key.data(), key.size()));
  if (found == context.client_metadata().end()) return "";
  return {found->second.data(), found->second.size()};
}

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_CALL_METADATA_H_
