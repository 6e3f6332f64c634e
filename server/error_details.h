// Describes errors as google.rpc error details, which gRPC sends as `grpc-status-details-bin`.
#ifndef VIDMUSE_SERVER_ERROR_DETAILS_H_
#define VIDMUSE_SERVER_ERROR_DETAILS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace vidmuse {

// Returns a serialized google.rpc.Status with the code of `status`, `message`, and these details:
// ErrorInfo, always. Its domain is "vidmuse". Its reason is "LIMIT_EXCEEDED" (with the metadata
// "limit" and "value"), "FIELD_OUT_OF_RANGE", or the name of the code.
// BadRequest, if `status` names a field that is out of range (AboutField).
// RetryInfo, if `status` carries a retry delay (WithRetryAfter).
std::string ErrorDetails(const absl::Status& status, absl::string_view message);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_ERROR_DETAILS_H_
