// One song on its way from the servers to an HTTP client.
#ifndef VIDMUSE_CLIENT_GATEWAY_SONG_STREAM_H_
#define VIDMUSE_CLIENT_GATEWAY_SONG_STREAM_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/gateway/upload.h"
#include "client/music_client.h"
#include "core/base/mutex.h"

namespace vidmuse {

// What an HTTP client gets of a song.
enum class SongForm {
  kFile,              // the file's bytes
  kEvents,            // server-sent events (event_stream.h), without tokens
  kEventsWithTokens,  // the same, with the tokens in the chunks
};

// The song's bytes wait here until the HTTP client takes them, at most kMaxBytes of them. While the
// client takes nothing, nothing is read from the server. Thread-safe.
class SongStream {
 public:
  static constexpr size_t kMaxBytes = 1 << 20;

  // Starts the call in a thread of its own. `client` must outlive the stream.
  SongStream(MusicClient* client, GenerateOptions options, std::shared_ptr<Upload> upload,
             SongForm form);
  // Cancels the call and waits for its end.
  ~SongStream();
  SongStream(const SongStream&) = delete;
  SongStream& operator=(const SongStream&) = delete;

  // Waits until a server has admitted the song. nullopt: not yet. An error is the call's.
  absl::StatusOr<std::optional<v1::GenerationStarted>> WaitForStart(absl::Duration timeout);

  // Waits until there are bytes to read. False: not yet. An error is the call's.
  absl::StatusOr<bool> WaitForBytes(absl::Duration timeout);

  // Waits for bytes and moves at most `size` of them to `out`. Returns 0 if none came in time, or
  // at the end: see `ended`. An error is the call's.
  absl::StatusOr<size_t> Read(char* out, size_t size, absl::Duration timeout);
  // Whether the song was made to its end and all of it was read.
  bool ended() const;

  void Cancel();

 private:
  GenerateSink FileSink();
  GenerateSink EventSink();
  absl::Status Append(absl::string_view bytes);
  absl::Status AppendEvent(const absl::StatusOr<std::string>& event);
  void SetStarted(const v1::GenerationStarted& started);
  void Run();

  MusicClient* const client_;
  const std::shared_ptr<Upload> upload_;
  const SongForm form_;
  Cancellation cancellation_;
  GenerateOptions options_;
  mutable Mutex mutex_;
  std::optional<v1::GenerationStarted> started_ ABSL_GUARDED_BY(mutex_);
  std::string bytes_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> status_ ABSL_GUARDED_BY(mutex_);  // once the call has ended
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // the last member, because it uses the others
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_GATEWAY_SONG_STREAM_H_
