// What HTTP clients are told about errors.
#ifndef VIDMUSE_CLIENT_GATEWAY_HTTP_STATUS_H_
#define VIDMUSE_CLIENT_GATEWAY_HTTP_STATUS_H_

#include <string>

#include "absl/status/status.h"

namespace vidmuse {

// The HTTP code for a status, by the comments of google/rpc/code.proto; 499 for CANCELLED.
int HttpCode(absl::StatusCode code);

// {"error": {"status": "INVALID_ARGUMENT", "message": "..."}}
std::string ErrorBody(const absl::Status& status);

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_GATEWAY_HTTP_STATUS_H_
