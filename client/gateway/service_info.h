// What a gateway tells about the service behind it, and its small helpers.
#ifndef VIDMUSE_CLIENT_GATEWAY_SERVICE_INFO_H_
#define VIDMUSE_CLIENT_GATEWAY_SERVICE_INFO_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/music_client.h"

namespace vidmuse {

// Thread-safe.
class ServiceInfo {
 public:
  static absl::StatusOr<std::unique_ptr<ServiceInfo>> Create(const ClientOptions& options);

  // OK if a replica is ready.
  absl::Status Ready();
  // GetModelInfo's response as JSON, with the names of music.proto. `api_key` is the HTTP client's;
  // empty: none.
  absl::StatusOr<std::string> ModelJson(const std::string& api_key);

 private:
  std::vector<std::unique_ptr<MusicClient>> replicas_;
};

struct AccessRecord {
  std::string request_id, method, route;
  std::string trace_id;  // empty: none
  int code = 0;          // 0: there was no answer
  absl::Status status;
  absl::Duration took;
  uint64_t received = 0, sent = 0;  // bytes of videos and of music
};

// One line of JSON.
std::string AccessLogLine(const AccessRecord& record);

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_GATEWAY_SERVICE_INFO_H_
