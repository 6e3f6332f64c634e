// One call of MusicClient::Generate: a series of attempts that together make one stream.
#ifndef VIDMUSE_CLIENT_RESUMABLE_CALL_H_
#define VIDMUSE_CLIENT_RESUMABLE_CALL_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/generate_trace.h"
#include "client/music_client.h"
#include "client/resume_plan.h"
#include "client/retry_policy.h"
#include "client/stream_state.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {

// Adds nothing if `key` is empty.
void AddApiKey(const std::string& key, grpc::ClientContext* context);

// Used once, by one thread. The arguments must outlive the call.
class ResumableCall {
 public:
  ResumableCall(const ClientOptions& client, const GenerateOptions& options,
                const VideoSource& video, const GenerateSink& sink);

  // `stub(n)` returns the server for attempt n, which counts from 0.
  absl::Status Run(const std::function<v1::MusicService::Stub*(int attempt)>& stub);

 private:
  using Stub = v1::MusicService::Stub;
  using Stream = grpc::ClientReaderWriter<v1::GenerateMusicRequest, v1::GenerateMusicResponse>;

  // How one attempt ended.
  struct Outcome {
    absl::Status status;
    bool local = false;              // the client itself ended it, so it must not be retried
    bool other_fingerprint = false;  // the server's fingerprint is not the one required
    Trailers trailers = {};
  };

  // Makes attempts until the song is made or the call has failed, and counts them.
  absl::Status RunAttempts(const std::function<Stub*(int attempt)>& stub);
  Outcome RunTracedAttempt(Stub* stub, int attempt);
  Outcome RunAttempt(Stub* stub, int attempt, const GenerateTrace::Part& trace);
  void FillContext(int attempt, const GenerateTrace::Part& trace,
                   grpc::ClientContext* context) const;
  v1::GenerateMusicConfig AttemptConfig() const;
  // Returns how long to wait before the next attempt. An error ends the call.
  absl::StatusOr<absl::Duration> PlanNext(Stub* stub, const Outcome& outcome);
  // If `stub`'s server accepts only shorter messages than those that were sent, shortens them for
  // the next attempt and returns true. INVALID_ARGUMENT: the config can't be shortened.
  absl::StatusOr<bool> ShortenPieces(Stub* stub, const Outcome& outcome);
  // Reads until the stream ends. Returns an error if the client has a reason to end it.
  absl::Status ReadAll(Stream* stream);
  absl::Status Handle(const v1::GenerateMusicResponse& response);
  absl::Status OnStarted(const v1::GenerationStarted& started);
  // Writes the config and the video, then half-closes. Stops early if the call has ended.
  absl::Status WriteAll(Stream* stream, const v1::GenerateMusicConfig& config);

  const ClientOptions& client_;
  const GenerateOptions& options_;
  const VideoSource& video_;
  const GenerateSink& sink_;
  const absl::Duration deadline_;  // by Clock::Monotonic(), because the wall clock may jump
  const std::string request_id_;
  const GenerateTrace trace_;
  int attempts_ = 0;
  Cancellation own_cancellation_;
  Cancellation* const cancellation_;
  StreamState state_;
  ResumePlan plan_;
  RetryPolicy retries_;
  uint64_t piece_bytes_;
  bool attempt_has_other_fingerprint_ = false;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_RESUMABLE_CALL_H_
