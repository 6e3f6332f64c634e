// One POST /v1/music: its upload, its song and its answer.
#ifndef VIDMUSE_CLIENT_GATEWAY_MUSIC_EXCHANGE_H_
#define VIDMUSE_CLIENT_GATEWAY_MUSIC_EXCHANGE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/gateway/music_query.h"
#include "client/gateway/song_stream.h"
#include "client/gateway/upload.h"
#include "client/music_client.h"

namespace vidmuse {

// Used by one thread, the connection's.
class MusicExchange {
 public:
  struct Request {
    std::string request_id;
    std::string api_key;                  // of the HTTP client; empty: none
    std::string traceparent, tracestate;  // empty: none
    std::optional<uint64_t> video_bytes;
    bool events = false;  // the answer is events
    bool form = false;    // the video is a field of a form, and others may come after it
    absl::Duration timeout;
    uint64_t max_video_bytes = 0;
    std::vector<std::string> owners;  // whom the upload's bytes are counted for
  };

  // `client` and `budget` must outlive the exchange. `gone` tells whether the HTTP client has gone
  // away.
  MusicExchange(MusicClient* client, UploadBudget* budget, Request request,
                std::function<bool()> gone);

  // Before anything of the body. After an error of this or any other method, the exchange is over.
  absl::Status SetField(absl::string_view name, absl::string_view value);
  void SetPrompt(std::string bytes) { query_.SetPrompt(std::move(bytes)); }
  absl::Status SetResume(absl::string_view text) { return query_.SetResume(text); }
  absl::Status Begin();
  // A piece of the video.
  absl::Status AddVideo(absl::string_view bytes);
  // The body has come to its end. Waits until a server has admitted the song, or, if the answer is
  // a video, until that is whole, or, if it is events, for the first one.
  absl::Status EndBody();
  // Whether the error is that the video has too many bytes for this gateway.
  bool too_large() const { return video_bytes_ > request_.max_video_bytes; }

  // After EndBody:
  bool has_events() const { return request_.events; }
  // Empty if the answer is events, of which one is this message.
  const v1::GenerationStarted& started() const { return started_; }
  const char* content_type() const {
    return request_.events ? "text/event-stream" : query_.content_type();
  }
  // The file that holds the answer, which the caller closes; -1: the answer comes from Read.
  int TakeFile();
  uint64_t file_bytes() const { return file_bytes_; }
  // Waits for the answer's next bytes. 0: it has come to its end. A song that fails after the
  // answer's head is an error here, or, in events, the last of them.
  absl::StatusOr<size_t> Read(char* out, size_t size);
  // The error that the last event tells. OK: there is none.
  const absl::Status& told() const { return told_; }

 private:
  absl::Status Start();
  // Calls `look`, which waits a little, until it returns true. CANCELLED: the client went away.
  absl::Status WaitUntil(const std::function<absl::StatusOr<bool>()>& look);
  absl::Status AwaitStart();
  absl::Status AwaitEvent();
  absl::StatusOr<size_t> ReadSong(char* out, size_t size);
  absl::Status MakeVideo();

  MusicClient* const client_;
  UploadBudget* const budget_;
  const Request request_;
  const std::function<bool()> gone_;
  MusicQuery query_;
  uint64_t video_bytes_ = 0;  // announced or received
  std::shared_ptr<Upload> upload_;
  std::unique_ptr<SongStream> song_;
  v1::GenerationStarted started_;
  absl::Status told_;
  std::string last_event_;  // what is left of it to be read
  int file_ = -1;
  uint64_t file_bytes_ = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_GATEWAY_MUSIC_EXCHANGE_H_
