#include "client/resumable_call.h"

#include <algorithm>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/request_id.h"
#include "core/base/clock.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

constexpr uint64_t kPieceBytes = 256 << 10;
// Upper bound of a message's size without its piece of the video.
constexpr uint64_t kMessageOverhead = 64;

absl::Duration Now() { return Clock::Real()->Monotonic(); }

}  // namespace

void AddApiKey(const std::string& key, grpc::ClientContext* context) {
  if (!key.empty()) context->AddMetadata("authorization", absl::StrCat("Bearer ", key));
}

ResumableCall::ResumableCall(const ClientOptions& client, const GenerateOptions& options,
                             const VideoSource& video, const GenerateSink& sink)
    : client_(client),
      options_(options),
      video_(video),
      sink_(sink),
      deadline_(Now() + options.deadline),
      request_id_(options.request_id.empty() ? NewRequestId() : options.request_id),
      trace_(client.tracer, options.traceparent, options.tracestate, request_id_),
      cancellation_(options.cancellation != nullptr ? options.cancellation : &own_cancellation_),
      state_(options.config.resume(), VariantsOf(options.config)),
      plan_({.addresses = static_cast<int>(client.addresses.size()),
             .exact_only = !options.config.resume().fingerprint().empty(),
             .can_restart = sink.restart != nullptr}),
      retries_(client),
      piece_bytes_(kPieceBytes) {}

absl::Status ResumableCall::Run(const std::function<Stub*(int attempt)>& stub) {
  const absl::Status status = RunAttempts(stub);
  trace_.End(attempts_, status);
  return status;
}

absl::Status ResumableCall::RunAttempts(const std::function<Stub*(int attempt)>& stub) {
  uint64_t progress = state_.progress();
  for (int attempt = 0;; ++attempt) {
    if (cancellation_->cancelled()) return absl::CancelledError("cancelled by the caller");
    state_.BeginAttempt();
    Stub* const server = stub(attempt);
    const Outcome outcome = RunTracedAttempt(server, attempt);
    // The status is OK once `finished` has come, however the connection ended.
    if (outcome.status.ok() || outcome.local) return outcome.status;
    if (std::exchange(progress, state_.progress()) != progress) retries_.OnProgress();
    ASSIGN_OR_RETURN(const absl::Duration delay, PlanNext(server, outcome));
    if (Now() + delay >= deadline_) return outcome.status;
    if (sink_.retrying) sink_.retrying(outcome.status, delay);
    if (delay == absl::ZeroDuration()) continue;
    if (client_.sleep) {
      client_.sleep(delay);
    } else {
      cancellation_->WaitFor(delay);
    }
  }
}

absl::StatusOr<absl::Duration> ResumableCall::PlanNext(Stub* stub, const Outcome& outcome) {
  if (outcome.other_fingerprint && plan_.mode() == ResumeMode::kExact) {
    RETURN_IF_ERROR(plan_.OnOtherFingerprint(state_));
    return absl::ZeroDuration();
  }
  ASSIGN_OR_RETURN(const bool shortened, ShortenPieces(stub, outcome));
  if (shortened) return absl::ZeroDuration();
  const std::optional<absl::Duration> delay = retries_.OnFailure(outcome.status, outcome.trailers);
  if (delay.has_value()) {
    RETURN_IF_ERROR(plan_.OnFailure(state_));
    return *delay;
  }
  if (!IsTransportFailure(outcome.status) || !plan_.searching()) return outcome.status;
  // The server that made the first part is still unreachable, but another one has answered.
  RETURN_IF_ERROR(plan_.Settle(state_));
  retries_.OnProgress();
  return absl::ZeroDuration();
}

absl::StatusOr<bool> ResumableCall::ShortenPieces(Stub* stub, const Outcome& outcome) {
  const bool may_be_too_long = absl::IsResourceExhausted(outcome.status) &&
                               !outcome.trailers.pushback.has_value() &&
                               piece_bytes_ == kPieceBytes;
  if (!may_be_too_long) return false;
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(10)));
  AddApiKey(options_.api_key.empty() ? client_.api_key : options_.api_key, &context);
  v1::GetModelInfoResponse info;
  if (!stub->GetModelInfo(&context, {}, &info).ok()) return false;
  const uint64_t limit = info.limits().max_message_bytes();
  const uint64_t config_bytes = AttemptConfig().ByteSizeLong() + kMessageOverhead;
  if (limit > 0 && config_bytes > limit) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the config takes ", config_bytes, " bytes, ", options_.config.prompt_audio().size(),
        " of them prompt_audio; the server's limit is ", limit, " (max_message_bytes)"));
  }
  if (limit <= kMessageOverhead || limit >= piece_bytes_ + kMessageOverhead) return false;
  piece_bytes_ = limit - kMessageOverhead;
  return true;
}

ResumableCall::Outcome ResumableCall::RunTracedAttempt(Stub* stub, int attempt) {
  ++attempts_;
  const GenerateTrace::Part trace = trace_.BeginAttempt();
  const uint64_t held_frames = state_.held_frames(0);
  Outcome outcome = RunAttempt(stub, attempt, trace);
  const std::string& address =
      client_.addresses[static_cast<size_t>(attempt) % client_.addresses.size()];
  trace_.EndAttempt(trace, attempts_, address, held_frames, outcome.status);
  return outcome;
}

void ResumableCall::FillContext(int attempt, const GenerateTrace::Part& trace,
                                grpc::ClientContext* context) const {
  if (deadline_ != absl::InfiniteDuration()) {
    context->set_deadline(absl::ToChronoTime(absl::Now() + (deadline_ - Now())));
  }
  AddApiKey(options_.api_key.empty() ? client_.api_key : options_.api_key, context);
  context->AddMetadata("x-request-id", request_id_);
  context->AddMetadata("x-vidmuse-attempt", absl::StrCat(attempt + 1));
  trace_.AddHeaders(trace, context);
}

v1::GenerateMusicConfig ResumableCall::AttemptConfig() const {
  v1::GenerateMusicConfig config = options_.config;
  config.set_return_tokens(true);
  config.set_video_bytes(video_.size());
  state_.FillConfig(plan_.mode(), &config);
  return config;
}

ResumableCall::Outcome ResumableCall::RunAttempt(Stub* stub, int attempt,
                                                 const GenerateTrace::Part& trace) {
  grpc::ClientContext context;
  FillContext(attempt, trace, &context);
  cancellation_->Attach(&context);
  auto detach = absl::MakeCleanup([&] { cancellation_->Detach(); });
  const std::unique_ptr<Stream> stream = stub->GenerateMusic(&context);
  const v1::GenerateMusicConfig config = AttemptConfig();
  attempt_has_other_fingerprint_ = false;

  // Uploads and reads at the same time, because a server may refuse in the middle of the upload. A
  // blocked write returns when the call ends.
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
  // A server or proxy that ends in the middle of a call may report CANCELLED, although nobody here
  // has cancelled.
  if (absl::IsCancelled(status) && !cancellation_->cancelled()) {
    status = absl::UnavailableError(absl::StrCat("the call was cut off: ", status.message()));
  }

  if (attempt_has_other_fingerprint_) return {.status = read_status, .other_fingerprint = true};
  if (!read_status.ok()) return {.status = read_status, .local = true};
  if (state_.finished()) return {};
  if (!write_status.ok()) return {.status = write_status, .local = true};
  if (status.ok()) {
    return {.status = absl::DataLossError("the stream ended without `finished`"), .local = true};
  }
  const Trailers trailers = ReadTrailers(context);
  return {
      .status = status,
      .other_fingerprint = absl::IsFailedPrecondition(status) && trailers.fingerprint.has_value(),
      .trailers = trailers};
}

absl::Status ResumableCall::ReadAll(Stream* stream) {
  v1::GenerateMusicResponse response;
  while (stream->Read(&response)) RETURN_IF_ERROR(Handle(response));
  return absl::OkStatus();
}

absl::Status ResumableCall::Handle(const v1::GenerateMusicResponse& response) {
  switch (response.payload_case()) {
    case v1::GenerateMusicResponse::kStarted:
      return OnStarted(response.started());
    case v1::GenerateMusicResponse::kChunk:
      RETURN_IF_ERROR(state_.OnChunk(response.chunk()));
      return sink_.chunk ? sink_.chunk(response.chunk()) : absl::OkStatus();
    case v1::GenerateMusicResponse::kFinished:
      RETURN_IF_ERROR(state_.OnFinished(response.finished()));
      if (sink_.finished) sink_.finished(response.finished());
      return absl::OkStatus();
    case v1::GenerateMusicResponse::kProgress:
      if (sink_.progress) sink_.progress(response.progress());
      return absl::OkStatus();
    case v1::GenerateMusicResponse::PAYLOAD_NOT_SET:
      break;  // a newer server may send payloads unknown here
  }
  return absl::OkStatus();
}

absl::Status ResumableCall::OnStarted(const v1::GenerationStarted& started) {
  const std::string& required = state_.required_fingerprint();
  if (plan_.mode() == ResumeMode::kExact && !required.empty() &&
      started.fingerprint() != required) {
    // An older server ignores `resume.fingerprint`, so it is compared here too.
    attempt_has_other_fingerprint_ = true;
    return absl::FailedPreconditionError("the server has another fingerprint");
  }
  if (plan_.mode() == ResumeMode::kRestart) {
    state_.Restart();
    RETURN_IF_ERROR(sink_.restart());
  }
  const bool first = !state_.started().has_value();
  const std::string before = first ? "" : state_.started()->fingerprint();
  const bool spliced = state_.HasNew() && started.fingerprint() != before;
  RETURN_IF_ERROR(state_.OnStarted(started));
  plan_.OnStarted();
  for (int v = 0; spliced && sink_.spliced && v < state_.variants(); ++v) {
    sink_.spliced({.variant = v,
                   .first_sample = state_.received_samples(v),
                   .first_frame = state_.held_frames(v),
                   .first_fingerprint = before,
                   .second_fingerprint = started.fingerprint()});
  }
  return first && sink_.started ? sink_.started(started) : absl::OkStatus();
}

absl::Status ResumableCall::WriteAll(Stream* stream, const v1::GenerateMusicConfig& config) {
  v1::GenerateMusicRequest request;
  *request.mutable_config() = config;
  if (!stream->Write(request)) return absl::OkStatus();
  for (uint64_t sent = 0; sent < video_.size();) {
    const uint64_t length = std::min(piece_bytes_, video_.size() - sent);
    RETURN_IF_ERROR(video_.ReadAt(sent, length, request.mutable_video_chunk()));
    if (!stream->Write(request)) return absl::OkStatus();  // the read side gets the reason
    sent += length;
    if (sink_.uploaded) sink_.uploaded(sent);
  }
  stream->WritesDone();
  return absl::OkStatus();
}

}  // namespace vidmuse
