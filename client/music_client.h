// The client library: a video in, one unbroken stream of audio out, whatever happens to the
// servers.
//
//   ASSIGN_OR_RETURN(auto client, MusicClient::Create({.addresses = {"a:50051", "b:50051"}}));
//   ASSIGN_OR_RETURN(auto video, VideoSource::OpenFile("in.mp4"));
//   GenerateSink sink;
//   sink.chunk = [&](const v1::AudioChunk& chunk) { return out.Append(chunk.data()); };
//   RETURN_IF_ERROR(client->Generate({}, *video, sink));
#ifndef VIDMUSE_CLIENT_MUSIC_CLIENT_H_
#define VIDMUSE_CLIENT_MUSIC_CLIENT_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/video_source.h"
#include "core/base/mutex.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {

struct ClientOptions {
  // Replicas, tried in turn: "host:port", or any gRPC target ("dns:///vidmuse:50051"), whose
  // addresses are used in turn as well. One load balancer will do too.
  std::vector<std::string> addresses;

  std::shared_ptr<grpc::ChannelCredentials> credentials = nullptr;  // null: plain text
  // Sent with every call but health checks, as `authorization: Bearer KEY`. Empty: none.
  std::string api_key = {};

  // Attempts after the first that a call may spend in a row without getting any further.
  int max_retries = 5;
  // Delay before the n-th retry in a row: initial * 2^n, no more than max, times a random [0.5, 1].
  // A server's `grpc-retry-pushback-ms` goes before it.
  absl::Duration initial_backoff = absl::Milliseconds(200);
  absl::Duration max_backoff = absl::Seconds(10);
  // How long a call, in all, waits on servers that say they are busy (RESOURCE_EXHAUSTED with a
  // pushback). Zero: not at all.
  absl::Duration max_busy_wait = absl::Minutes(2);

  // For tests: waits in place of the real wait between attempts, which Cancellation::Cancel ends.
  std::function<void(absl::Duration)> sleep = nullptr;
};

// Cancels calls from another thread, before or while they run. Thread-safe; outlives its calls.
class Cancellation {
 public:
  void Cancel();
  bool cancelled() const;

 private:
  friend class ResumableCall;

  // `context` is cancelled by Cancel until Detach; at once if that has come already.
  void Attach(grpc::ClientContext* context);
  void Detach();
  void WaitFor(absl::Duration timeout) const;

  mutable Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

struct GenerateOptions {
  // As music.proto documents it. `resume.tokens` may hold an earlier call's tokens;
  // `resume.received_bytes` must be 0. The client itself sets `return_tokens` and `video_bytes`.
  v1::GenerateMusicConfig config = {};
  absl::Duration deadline = absl::InfiniteDuration();  // of the whole call, retries included
  Cancellation* cancellation = nullptr;                // may be null
};

// Callbacks of one call; any may be empty. All but `uploaded` run on the calling thread, and while
// one runs nothing more is read: a slow sink slows the server, and nothing piles up.
struct GenerateSink {
  // Once, before the first chunk. An error ends the call with that error, as for `chunk`.
  std::function<absl::Status(const v1::GenerationStarted&)> started = nullptr;
  // Pieces of one unbroken stream: the `data` of all, joined, is the file. After a reconnection the
  // first chunk's sample range may begin within the last one's; the bytes don't repeat.
  std::function<absl::Status(const v1::AudioChunk&)> chunk = nullptr;
  // Once, when the song is complete.
  std::function<void(const v1::GenerationFinished&)> finished = nullptr;
  // Bytes of the video sent so far. Runs on the uploading thread.
  std::function<void(uint64_t sent_bytes)> uploaded = nullptr;
  // An attempt failed with `status`; the next one begins after `delay`.
  std::function<void(const absl::Status& status, absl::Duration delay)> retrying = nullptr;
};

// Thread-safe; many calls may run at once.
class MusicClient {
 public:
  // INVALID_ARGUMENT: no address, or an option out of range. Connects on first use.
  static absl::StatusOr<std::unique_ptr<MusicClient>> Create(ClientOptions options);
  ~MusicClient();

  // Makes music for `video`; returns when `finished` has come or the call has failed. A connection
  // that breaks, or a server that shuts down, leads to the next address, which goes on where the
  // last one stopped. Errors: the server's code and message; DATA_LOSS if what a server sent
  // doesn't fit together; CANCELLED; DEADLINE_EXCEEDED; what the video source or the sink returned.
  absl::Status Generate(const GenerateOptions& options, const VideoSource& video,
                        const GenerateSink& sink);

  // The first address that answers.
  absl::StatusOr<v1::GetModelInfoResponse> GetModelInfo(absl::Duration timeout = absl::Seconds(10));

  // OK if every address serves; else UNAVAILABLE, or why the check failed, naming the address.
  // `service`: a name of the health service's, such as "liveness".
  absl::Status CheckHealth(absl::Duration timeout = absl::Seconds(10),
                           const std::string& service = "");

 private:
  struct Replica;

  MusicClient(ClientOptions options, std::vector<Replica> replicas);

  const ClientOptions options_;
  const std::vector<Replica> replicas_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_MUSIC_CLIENT_H_
