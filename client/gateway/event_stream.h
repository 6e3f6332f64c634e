// A song as server-sent events (WHATWG HTML, 9.2).
#ifndef VIDMUSE_CLIENT_GATEWAY_EVENT_STREAM_H_
#define VIDMUSE_CLIENT_GATEWAY_EVENT_STREAM_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vidmuse/v1/music.pb.h"

namespace vidmuse {

// The event for a message of the service: `started`, `progress`, `chunk` or `finished`, by the
// payload's name. Its data is the message in protobuf's JSON form, on one line, with the names of
// music.proto and with default values: 64-bit numbers are strings, bytes are in base64. INTERNAL:
// the message can't be written so.
absl::StatusOr<std::string> MessageEvent(const v1::GenerationStarted& started);
absl::StatusOr<std::string> MessageEvent(const v1::GenerationProgress& progress);
absl::StatusOr<std::string> MessageEvent(const v1::AudioChunk& chunk);
absl::StatusOr<std::string> MessageEvent(const v1::GenerationFinished& finished);

// The event `error`, the last one of a song that failed: {"status": "...", "message": "..."}.
std::string ErrorEvent(const absl::Status& status);

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_GATEWAY_EVENT_STREAM_H_
