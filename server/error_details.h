// google.rpc's error details of our errors, which gRPC sends as `grpc-status-details-bin`.
#ifndef VIDMUSE_SERVER_ERROR_DETAILS_H_
#define VIDMUSE_SERVER_ERROR_DETAILS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace vidmuse {

// A serialized google.rpc.Status with the code of `status`, `message` and, as far as `status`
// carries what they need:
//   ErrorInfo   always: domain "vidmuse"; reason "LIMIT_EXCEEDED" with metadata "limit" and
//   "value",
//               "FIELD_OUT_OF_RANGE", or the name of the code
//   BadRequest  the field that is out of range (AboutField)
//   RetryInfo   when to come back (WithRetryAfter)
std::string ErrorDetails(const absl::Status& status, absl::string_view message);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_ERROR_DETAILS_H_
