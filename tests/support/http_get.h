// Just enough of an HTTP client to read the metrics page.
#ifndef VIDMUSE_TESTS_SUPPORT_HTTP_GET_H_
#define VIDMUSE_TESTS_SUPPORT_HTTP_GET_H_

#include <string>

#include "absl/status/statusor.h"

namespace vidmuse {

// Returns the headers and the body of http://127.0.0.1:`port``path`, read until the server closes
// the connection. UNAVAILABLE if connecting, sending or receiving fails.
absl::StatusOr<std::string> HttpGet(int port, const std::string& path);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_HTTP_GET_H_
