// One HTTP request and its answer.
#ifndef VIDMUSE_CLIENT_GATEWAY_EXCHANGE_H_
#define VIDMUSE_CLIENT_GATEWAY_EXCHANGE_H_

#include <microhttpd.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/gateway/music_exchange.h"
#include "client/gateway/page_files.h"
#include "client/gateway/request_body.h"
#include "client/gateway/request_trace.h"

namespace vidmuse {

// Whether a header's value is visible ASCII of a sensible length, which may be logged and passed
// on.
bool MayBePassedOn(absl::string_view text);

// One request and its answer.
struct Exchange {
  MHD_Connection* connection = nullptr;
  std::string method, route, request_id;
  RequestTrace trace;  // of a song
  absl::Duration begin = absl::ZeroDuration();
  absl::Duration first_byte = absl::InfiniteDuration();
  int code = 0;
  uint64_t sent = 0;
  absl::Status failure;            // the first error; the rest of the body is thrown away
  const PageFile* page = nullptr;  // the answer, if it is one of the page's files
  std::unique_ptr<MusicExchange> music;
  std::unique_ptr<RequestBody> body;  // for `music`

  // Empty: the request has no such header.
  std::string Header(const char* name) const;
  // The client's address; of IPv6 the first half, which is one network's.
  std::string ClientNetwork() const;
  // Whether the client has closed the connection, or its half of it.
  bool Gone() const;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_GATEWAY_EXCHANGE_H_
