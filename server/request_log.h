// Logs one JSON line for every finished request and a few for the server itself, and chooses the
// requests' identifiers.
#ifndef VIDMUSE_SERVER_REQUEST_LOG_H_
#define VIDMUSE_SERVER_REQUEST_LOG_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/log_writer.h"
#include "telemetry/log_line.h"
#include "telemetry/trace_context.h"
#include "vidmuse/events.h"

namespace vidmuse {

struct RequestRecord {
  std::string request_id;
  std::optional<TraceContext> trace;  // the call's span, or the client's, if there is one
  std::string client;                 // the client's address, as gRPC writes it
  std::string api_key;                // the key's name; empty: none was needed or it was refused
  absl::Status status;
  absl::Duration duration;
  uint64_t video_bytes = 0;             // received
  std::optional<uint64_t> seed;         // of the first variant, once known
  int64_t total_frames = 0;             // token frames of the song, once known
  int64_t samples = 0;                  // encoded into the audio that was sent
  uint64_t audio_bytes = 0;             // sent
  std::optional<StageSeconds> seconds;  // set if the song was completed
};

// Thread-safe. No method blocks.
class RequestLog {
 public:
  explicit RequestLog(std::shared_ptr<LogWriter> out) : out_(std::move(out)) {}
  RequestLog(const RequestLog&) = delete;
  RequestLog& operator=(const RequestLog&) = delete;

  void Write(const RequestRecord& record);
  // Logs something that happened to the server. `event` names its topic.
  void Notice(absl::string_view event, absl::string_view message,
              Severity severity = Severity::kInfo);

 private:
  const std::shared_ptr<LogWriter> out_;
};

// Returns `proposed` if it is 1 to 128 characters of [A-Za-z0-9._:-], else a random identifier.
std::string ChooseRequestId(absl::string_view proposed);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_REQUEST_LOG_H_
