// The body of a request for music: a video's bytes, or a form with the video and fields.
#ifndef VIDMUSE_CLIENT_GATEWAY_REQUEST_BODY_H_
#define VIDMUSE_CLIENT_GATEWAY_REQUEST_BODY_H_

#include <microhttpd.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/gateway/music_exchange.h"
#include "client/gateway/upload.h"

namespace vidmuse {

// Passes the video on as it comes, and keeps a form's other fields in memory, which `budget` counts
// for their `owners`, until the body ends. Not thread-safe.
class RequestBody {
 public:
  // `music` and `budget` must outlive this object.
  RequestBody(MusicExchange* music, UploadBudget* budget, std::vector<std::string> owners)
      : music_(music), held_(budget, std::move(owners)) {}
  ~RequestBody();
  RequestBody(const RequestBody&) = delete;
  RequestBody& operator=(const RequestBody&) = delete;

  // To be called first if the body is a multipart form. INVALID_ARGUMENT: it has no boundary.
  absl::Status ReadForm(MHD_Connection* connection);
  // Takes the next bytes. After an error, the rest needn't be given.
  absl::Status Add(const char* data, size_t size);
  // The body is whole: hands the fields over and ends the upload.
  absl::Status End();

  // Bytes of the video so far.
  uint64_t received() const { return received_; }

 private:
  static MHD_Result OnField(void* self, MHD_ValueKind kind, const char* name, const char* file_name,
                            const char* content_type, const char* encoding, const char* data,
                            uint64_t offset, size_t size);
  absl::Status AddVideo(absl::string_view bytes);
  absl::Status AddField(const std::string& name, absl::string_view bytes);

  MusicExchange* const music_;
  UploadShare held_;                           // of `fields_`
  MHD_PostProcessor* form_ = nullptr;          // null: the body is the video
  absl::Status form_status_;                   // the first error in a field
  std::map<std::string, std::string> fields_;  // but for the video
  uint64_t received_ = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_GATEWAY_REQUEST_BODY_H_
