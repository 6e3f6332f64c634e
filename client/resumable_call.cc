#include "client/resumable_call.h"

#include <algorithm>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/clock.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

constexpr uint64_t kPieceBytes = 256 << 10;

absl::Duration Now() { return Clock::Real()->Monotonic(); }

}  // namespace

void AddApiKey(const ClientOptions& options, grpc::ClientContext* context) {
  if (options.api_key.empty()) return;
  context->AddMetadata("authorization", absl::StrCat("Bearer ", options.api_key));
}

ResumableCall::ResumableCall(const ClientOptions& client, const GenerateOptions& options,
                             const VideoSource& video, const GenerateSink& sink)
    : client_(client),
      options_(options),
      video_(video),
      sink_(sink),
      deadline_(Now() + options.deadline),
      cancellation_(options.cancellation != nullptr ? options.cancellation : &own_cancellation_),
      state_(options.config.resume().tokens()) {}

absl::Status ResumableCall::Run(const std::function<v1::MusicService::Stub*(int attempt)>& stub) {
  RetryPolicy retries(client_);
  uint64_t progress = state_.progress();
  for (int attempt = 0;; ++attempt) {
    if (cancellation_->cancelled()) return absl::CancelledError("cancelled by the caller");
    state_.BeginAttempt();
    const Outcome outcome = RunAttempt(stub(attempt));
    // Once `finished` has come the song is complete, however the connection ended.
    if (outcome.status.ok() || outcome.local) return outcome.status;
    if (std::exchange(progress, state_.progress()) != progress) retries.OnProgress();
    const std::optional<absl::Duration> delay =
        retries.OnFailure(outcome.status, outcome.pushback, state_.started_in_attempt());
    if (!delay.has_value() || Now() + *delay >= deadline_) return outcome.status;
    if (sink_.retrying) sink_.retrying(outcome.status, *delay);
    if (client_.sleep) {
      client_.sleep(*delay);
    } else {
      cancellation_->WaitFor(*delay);
    }
  }
}

ResumableCall::Outcome ResumableCall::RunAttempt(v1::MusicService::Stub* stub) {
  grpc::ClientContext context;
  if (deadline_ != absl::InfiniteDuration()) {
    context.set_deadline(absl::ToChronoTime(absl::Now() + (deadline_ - Now())));
  }
  AddApiKey(client_, &context);
  cancellation_->Attach(&context);
  auto detach = absl::MakeCleanup([&] { cancellation_->Detach(); });
  const std::unique_ptr<Stream> stream = stub->GenerateMusic(&context);

  v1::GenerateMusicConfig config = options_.config;
  config.set_return_tokens(true);
  config.set_video_bytes(video_.size());
  state_.FillConfig(&config);

  // Upload and answer at the same time: a server may refuse in the middle of the upload, and a
  // write that waits for room ends when the call does.
  absl::Status write_status;
  std::thread writer([&] {
    write_status = WriteAll(stream.get(), config);
    if (!write_status.ok()) context.TryCancel();
  });
  const absl::Status read_status = ReadAll(stream.get());
  if (!read_status.ok()) {
    context.TryCancel();
    v1::GenerateMusicResponse dropped;
    while (stream->Read(&dropped)) {
    }
  }
  writer.join();
  absl::Status status = FromGrpcStatus(stream->Finish());
  // What a server or a proxy says that ends in the middle of it: nobody here has cancelled.
  if (absl::IsCancelled(status) && !cancellation_->cancelled()) {
    status = absl::UnavailableError(absl::StrCat("the call was cut off: ", status.message()));
  }

  if (!read_status.ok()) return {.status = read_status, .local = true};
  if (state_.finished()) return {};
  if (!write_status.ok()) return {.status = write_status, .local = true};
  if (status.ok()) {
    return {.status = absl::DataLossError("the stream ended without `finished`"), .local = true};
  }
  return {.status = status, .pushback = ReadPushback(context)};
}

absl::Status ResumableCall::ReadAll(Stream* stream) {
  v1::GenerateMusicResponse response;
  while (stream->Read(&response)) RETURN_IF_ERROR(Handle(response));
  return absl::OkStatus();
}

absl::Status ResumableCall::Handle(const v1::GenerateMusicResponse& response) {
  switch (response.payload_case()) {
    case v1::GenerateMusicResponse::kStarted: {
      const bool first = !state_.started();
      RETURN_IF_ERROR(state_.OnStarted(response.started()));
      return first && sink_.started ? sink_.started(response.started()) : absl::OkStatus();
    }
    case v1::GenerateMusicResponse::kChunk:
      RETURN_IF_ERROR(state_.OnChunk(response.chunk()));
      return sink_.chunk ? sink_.chunk(response.chunk()) : absl::OkStatus();
    case v1::GenerateMusicResponse::kFinished:
      RETURN_IF_ERROR(state_.OnFinished(response.finished()));
      if (sink_.finished) sink_.finished(response.finished());
      return absl::OkStatus();
    case v1::GenerateMusicResponse::kProgress:
      return absl::OkStatus();
    case v1::GenerateMusicResponse::PAYLOAD_NOT_SET:
      break;  // from a newer server
  }
  return absl::OkStatus();
}

absl::Status ResumableCall::WriteAll(Stream* stream, const v1::GenerateMusicConfig& config) {
  v1::GenerateMusicRequest request;
  *request.mutable_config() = config;
  if (!stream->Write(request)) return absl::OkStatus();
  for (uint64_t sent = 0; sent < video_.size();) {
    const uint64_t length = std::min(kPieceBytes, video_.size() - sent);
    RETURN_IF_ERROR(video_.ReadAt(sent, length, request.mutable_video_chunk()));
    if (!stream->Write(request)) return absl::OkStatus();  // the read side learns why
    sent += length;
    if (sink_.uploaded) sink_.uploaded(sent);
  }
  stream->WritesDone();
  return absl::OkStatus();
}

}  // namespace vidmuse
