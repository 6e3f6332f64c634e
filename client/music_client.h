// The client library: a video in, one unbroken stream of audio out, whatever happens to the
// servers.
//
//   absl::StatusOr<std::unique_ptr<MusicClient>> client =
//       MusicClient::Create({.addresses = {"a:50051", "b:50051"}});
//   absl::StatusOr<std::unique_ptr<VideoSource>> video = VideoSource::OpenFile("in.mp4");
//   GenerateSink sink;
//   sink.chunk = [&](const v1::AudioChunk& chunk) { return out.Append(chunk.data()); };
//   absl::Status status = (*client)->Generate({}, **video, sink);
#ifndef VIDMUSE_CLIENT_MUSIC_CLIENT_H_
#define VIDMUSE_CLIENT_MUSIC_CLIENT_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/video_source.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {

struct ClientOptions {
  // Replicas, tried in turn: "host:port", or any gRPC target ("dns:///vidmuse:50051"), whose
  // addresses are used in turn as well. One load balancer will do too.
  std::vector<std::string> addresses;

  std::shared_ptr<grpc::ChannelCredentials> credentials = nullptr;  // null: plain text
  // Sent with every call but health checks, as `authorization: Bearer KEY`. Empty: none. Without
  // `credentials` only to this machine's own addresses, unless `allow_plaintext_api_key`.
  std::string api_key = {};
  // Whether the key may cross a network that others can read along.
  bool allow_plaintext_api_key = false;

  // Attempts after the first that a call may spend in a row without getting any further, where
  // connections break or can't be made. 0: a broken call isn't tried again.
  int max_retries = 5;
  // Delay before the n-th retry in a row: initial * 2^n, no more than max, times a random [0.5, 1].
  // At least as long as a server's `grpc-retry-pushback-ms`.
  absl::Duration initial_backoff = absl::Milliseconds(200);
  absl::Duration max_backoff = absl::Seconds(10);
  // How long a call, in all, waits for servers that answer that they are busy (RESOURCE_EXHAUSTED
  // with a pushback) or going away, and for proxies that answer that they have none (UNAVAILABLE).
  // Zero: no busy server is waited for, and answers of the second kind count among max_retries.
  absl::Duration max_busy_wait = absl::Minutes(2);

  // For tests: waits in place of the real wait between attempts, which Cancellation::Cancel ends.
  std::function<void(absl::Duration)> sleep = nullptr;
};

// Cancels calls from another thread, before or while they run. Thread-safe; outlives its calls.
class Cancellation {
 public:
  Cancellation();
  ~Cancellation();
  void Cancel();
  bool cancelled() const;

 private:
  friend class ResumableCall;
  struct State;

  // `context` is cancelled by Cancel until Detach; at once if that has come already.
  void Attach(grpc::ClientContext* context);
  void Detach();
  void WaitFor(absl::Duration timeout) const;

  const std::unique_ptr<State> state_;
};

struct GenerateOptions {
  // As music.proto documents it. `resume.tokens` may hold an earlier call's tokens, with
  // `resume.fingerprint` only for servers that have it; `resume.received_bytes` must be 0. The
  // client itself sets `return_tokens` and `video_bytes`.
  v1::GenerateMusicConfig config = {};
  absl::Duration deadline = absl::InfiniteDuration();  // of the whole call, retries included
  Cancellation* cancellation = nullptr;                // may be null
  // Sent as `x-request-id` with every attempt, so that the servers' logs can be joined; attempts
  // are counted from 1 in `x-vidmuse-attempt`. Visible ASCII; empty: one is drawn.
  std::string request_id = {};
  // Sent as `traceparent` (W3C Trace Context) with every attempt. Visible ASCII; empty: not sent.
  std::string traceparent = {};
};

// A song whose second part was made by a server that may round differently from the first part's:
// each part is right, and the stream is well-formed, but no server alone would make it.
struct Splice {
  uint64_t first_sample = 0;  // of the second part, per channel
  uint64_t first_frame = 0;   // of the tokens that the second part's server makes
  std::string first_fingerprint;
  std::string second_fingerprint;
};

// Callbacks of one call; any may be empty. All but `uploaded` run on the calling thread, and while
// one runs nothing more is read: a slow sink slows the server, and nothing piles up.
struct GenerateSink {
  // Before the first chunk, once, and once after each `restart`. An error ends the call with that
  // error, as for `chunk`.
  std::function<absl::Status(const v1::GenerationStarted&)> started = nullptr;
  // Pieces of one unbroken stream: the `data` of all since the last `restart`, joined, is the file.
  // After a reconnection the first chunk's sample range may begin within the last one's; the bytes
  // don't repeat.
  std::function<absl::Status(const v1::AudioChunk&)> chunk = nullptr;
  // Once, when the song is complete.
  std::function<void(const v1::GenerationFinished&)> finished = nullptr;
  // Bytes of the video sent so far. Runs on the uploading thread.
  std::function<void(uint64_t sent_bytes)> uploaded = nullptr;
  // Where the request stands.
  std::function<void(const v1::GenerationProgress&)> progress = nullptr;
  // An attempt failed with `status`; the next one begins after `delay`.
  std::function<void(const absl::Status& status, absl::Duration delay)> retrying = nullptr;
  // What `started` and `chunk` have had so far is void: the song starts over at its first byte,
  // with the same seed, on a server with another fingerprint than the one that went away. An error
  // ends the call with that error. Empty: what was delivered can't be taken back.
  std::function<absl::Status()> restart = nullptr;
  // Before the first chunk of the second part. Only where there is no `restart`.
  std::function<void(const Splice& splice)> spliced = nullptr;
};

// Thread-safe; many calls may run at once.
class MusicClient {
 public:
  // INVALID_ARGUMENT: no address, an option out of range, or an API key that would cross the
  // network in plain text. Connects on first use.
  static absl::StatusOr<std::unique_ptr<MusicClient>> Create(ClientOptions options);
  ~MusicClient();

  // Makes music for `video`; returns when `finished` has come or the call has failed. A connection
  // that breaks, or a server that shuts down, leads to the next address, which goes on where the
  // last one stopped, if it has the same fingerprint. Where no server with that fingerprint is
  // found, the song starts over if the sink can `restart`; else raw samples and WAV are `spliced`;
  // else the call fails with FAILED_PRECONDITION. Other errors: the server's code and message;
  // DATA_LOSS if what a server sent doesn't fit together; CANCELLED; DEADLINE_EXCEEDED; what the
  // video source or the sink returned; INVALID_ARGUMENT for options that music.proto or
  // GenerateOptions rule out.
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
