// The texts that go along with a request as metadata or headers.
#ifndef VIDMUSE_CLIENT_REQUEST_ID_H_
#define VIDMUSE_CLIENT_REQUEST_ID_H_

#include <string>

#include "absl/strings/string_view.h"

namespace vidmuse {

// 32 random hexadecimal digits.
std::string NewRequestId();

// Whether all characters are visible ASCII, as metadata must be.
bool IsVisible(absl::string_view text);

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_REQUEST_ID_H_
