// The client library: it turns a video into one unbroken stream of audio, and goes on at another
// server if one fails.
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
#include "telemetry/tracer.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {

struct ClientOptions {
  // Replicas, which are tried in turn. Each is "host:port" or any gRPC target, such as
  // "dns:///vidmuse:50051", whose addresses are used in turn as well. One load balancer is enough.
  std::vector<std::string> addresses;

  std::shared_ptr<grpc::ChannelCredentials> credentials = nullptr;  // null: plain text
  // Sent with every call except health checks, as `authorization: Bearer KEY`. Empty: no key is
  // sent. Without `credentials`, all addresses must be this machine's own, unless
  // `allow_plaintext_api_key` is set.
  std::string api_key = {};
  // Whether the key may be sent unencrypted over a network.
  bool allow_plaintext_api_key = false;

  // How many times in a row a call may retry without progress after a connection broke or could not
  // be made. 0: a broken call is not retried.
  int max_retries = 5;
  // The delay before the n-th retry in a row (n = 1, 2, ...) is initial * 2^(n-1), at most max,
  // times a random factor in [0.5, 1], but at least the server's `grpc-retry-pushback-ms`.
  absl::Duration initial_backoff = absl::Milliseconds(200);
  absl::Duration max_backoff = absl::Seconds(10);
  // How long one call waits in total for servers that answer that they are busy (RESOURCE_EXHAUSTED
  // with a pushback), and for servers that answer that they are shutting down or proxies that
  // answer that they have no server (UNAVAILABLE). If zero, the call fails at once on a busy
  // server, and UNAVAILABLE answers count against max_retries.
  absl::Duration max_busy_wait = absl::Minutes(2);

  // Records a span for each song and one for each of its attempts. Null: none; then a song's
  // `traceparent` is only passed on.
  std::shared_ptr<const Tracer> tracer = nullptr;

  // For tests: replaces the wait between attempts. Cancellation::Cancel ends only the real wait.
  std::function<void(absl::Duration)> sleep = nullptr;
};

// Cancels a call from another thread, before or while it runs. Thread-safe. Must outlive the call.
class Cancellation {
 public:
  Cancellation();
  ~Cancellation();
  void Cancel();
  bool cancelled() const;

 private:
  friend class ResumableCall;
  struct State;

  // Cancel cancels `context` until Detach. Attach cancels it at once if Cancel was called before.
  void Attach(grpc::ClientContext* context);
  void Detach();
  void WaitFor(absl::Duration timeout) const;

  const std::unique_ptr<State> state_;
};

struct GenerateOptions {
  // The fields are documented in music.proto. `resume.tokens` may hold an earlier call's tokens. If
  // `resume.fingerprint` is set, only servers with that fingerprint are used.
  // Received bytes must be 0 in it. The client sets `return_tokens` and `video_bytes` itself.
  v1::GenerateMusicConfig config = {};
  absl::Duration deadline = absl::InfiniteDuration();  // for the whole call, with retries
  Cancellation* cancellation = nullptr;                // may be null
  // Sent instead of ClientOptions::api_key, under the same rules. Empty: that one is sent.
  std::string api_key = {};
  // Sent as `x-request-id` with every attempt, so that the servers' logs can be joined. Attempts
  // are counted from 1 in `x-vidmuse-attempt`. Visible ASCII; if empty, a random one is used.
  std::string request_id = {};
  // The caller's span, by W3C Trace Context: sent with every attempt, or with a tracer the parent
  // of the song's span. Visible ASCII. Empty: there is none.
  std::string traceparent = {};
  std::string tracestate = {};  // goes with `traceparent`; printable ASCII, or empty
};

// Describes a song whose second part was made by a server that may round differently from the first
// part's server. Both parts are correct and the stream is well-formed, but no single server would
// make the same stream.
struct Splice {
  int variant = 0;
  uint64_t first_sample = 0;  // of the second part, per channel
  uint64_t first_frame = 0;   // of the tokens made by the second server
  std::string first_fingerprint;
  std::string second_fingerprint;
};

// The callbacks of one call. Any may be empty. All except `uploaded` run on the calling thread.
// Nothing more is read while one runs, so a slow sink causes backpressure and nothing piles up.
struct GenerateSink {
  // Called once before the first chunk, and once after each `restart`. If this or `chunk` returns
  // an error, the call ends with it.
  std::function<absl::Status(const v1::GenerationStarted&)> started = nullptr;
  // Called with each piece of the stream. The `data` of all chunks of a variant since the last
  // `restart`, joined, is its file. After a reconnection the first chunk's sample range may overlap
  // the chunks before it, but no bytes repeat.
  std::function<absl::Status(const v1::AudioChunk&)> chunk = nullptr;
  // Called once, when the song is complete.
  std::function<void(const v1::GenerationFinished&)> finished = nullptr;
  // Called with the number of bytes of the video sent so far. Runs on the uploading thread.
  std::function<void(uint64_t sent_bytes)> uploaded = nullptr;
  // Called when the server reports the request's progress.
  std::function<void(const v1::GenerationProgress&)> progress = nullptr;
  // Called when an attempt has failed with `status` and the next one will begin after `delay`.
  std::function<void(const absl::Status& status, absl::Duration delay)> retrying = nullptr;
  // Called when everything given to `started` and `chunk` so far must be discarded: the song starts
  // over at its first byte, with the same seed, on a server whose fingerprint differs from that of
  // the server that failed. If this returns an error, the call ends with it. Leave it empty if what
  // was delivered can't be taken back.
  std::function<absl::Status()> restart = nullptr;
  // Called for each variant before the first chunk of the second part. A song with `restart` starts
  // over instead, unless the first part's server sent no fingerprint.
  std::function<void(const Splice& splice)> spliced = nullptr;
};

// Thread-safe; many calls may run at once.
class MusicClient {
 public:
  // Fails with INVALID_ARGUMENT if there is no address, an option is out of range, or an API key
  // would cross the network in plain text. The client connects on first use.
  static absl::StatusOr<std::unique_ptr<MusicClient>> Create(ClientOptions options);
  ~MusicClient();

  // Makes music for `video`. Returns when `finished` has come or the call has failed.
  // If a connection breaks or a server shuts down, the next address resumes the song where the last
  // one stopped, provided that it has the same fingerprint. If no server with that fingerprint is
  // found, the song starts over if the sink has `restart`, or is `spliced` if it is raw samples or
  // WAV. If neither is possible, the call fails with FAILED_PRECONDITION.
  // Other errors: the server's code and message; DATA_LOSS if a server's messages are inconsistent;
  // CANCELLED; DEADLINE_EXCEEDED; the error of the video source or the sink; INVALID_ARGUMENT for
  // options that music.proto or GenerateOptions don't allow.
  absl::Status Generate(const GenerateOptions& options, const VideoSource& video,
                        const GenerateSink& sink);

  // Asks the addresses in turn until one answers. `timeout` is for all of them together. `api_key`
  // is as GenerateOptions::api_key.
  absl::StatusOr<v1::GetModelInfoResponse> GetModelInfo(absl::Duration timeout = absl::Seconds(10),
                                                        const std::string& api_key = {});

  // Returns OK if every address serves. Otherwise returns UNAVAILABLE, or the reason why the check
  // failed, and names the address. `service` is a name that the health service knows, such as
  // "liveness". `timeout` is for all addresses together.
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
