// One MusicClient::Generate: attempts, one after another, that together make one stream.
#ifndef VIDMUSE_CLIENT_RESUMABLE_CALL_H_
#define VIDMUSE_CLIENT_RESUMABLE_CALL_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/music_client.h"
#include "client/resume_plan.h"
#include "client/retry_policy.h"
#include "client/stream_state.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {

void AddApiKey(const ClientOptions& options, grpc::ClientContext* context);

// Used once, by one thread.
class ResumableCall {
 public:
  ResumableCall(const ClientOptions& client, const GenerateOptions& options,
                const VideoSource& video, const GenerateSink& sink);

  // `stub(n)` is the server of the n-th attempt, counted from 0.
  absl::Status Run(const std::function<v1::MusicService::Stub*(int attempt)>& stub);

 private:
  using Stub = v1::MusicService::Stub;
  using Stream = grpc::ClientReaderWriter<v1::GenerateMusicRequest, v1::GenerateMusicResponse>;

  // How one attempt ended. `local`: by this side's own decision, so not to be tried again.
  struct Outcome {
    absl::Status status;
    bool local = false;
    bool other_fingerprint = false;
    Trailers trailers = {};
  };

  Outcome RunAttempt(Stub* stub, int attempt);
  void FillContext(int attempt, grpc::ClientContext* context) const;
  v1::GenerateMusicConfig AttemptConfig() const;
  // How long to wait before the next attempt; an error ends the call.
  absl::StatusOr<absl::Duration> PlanNext(Stub* stub, const Outcome& outcome);
  // Whether `stub`'s server takes only shorter messages than those that were sent. Sets their
  // length then.
  bool ShortenPieces(Stub* stub, const Outcome& outcome);
  // Reads until the stream ends; an error is this side's reason to end it.
  absl::Status ReadAll(Stream* stream);
  absl::Status Handle(const v1::GenerateMusicResponse& response);
  absl::Status OnStarted(const v1::GenerationStarted& started);
  // Writes the config and the video, then half-closes; stops early when the call is over.
  absl::Status WriteAll(Stream* stream, const v1::GenerateMusicConfig& config);

  const ClientOptions& client_;
  const GenerateOptions& options_;
  const VideoSource& video_;
  const GenerateSink& sink_;
  const absl::Duration deadline_;  // Clock::Monotonic(): the wall clock may jump
  const std::string request_id_;
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
