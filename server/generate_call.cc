#include "server/generate_call.h"

#include <grpc/grpc.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/catch_exceptions.h"
#include "core/base/clock.h"
#include "core/base/status_macros.h"
#include "server/call_metadata.h"
#include "server/convert.h"
#include "server/grpc_status.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

// Returns the time left until the call's deadline. It is right even if the wall clock has jumped,
// because gRPC stores the deadline on a monotonic clock and converts it to wall time when asked.
absl::Duration TimeLeft(const grpc::CallbackServerContext& context) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return absl::InfiniteDuration();
  return absl::FromChrono(deadline - std::chrono::system_clock::now());
}

// Returns the counter's label for why a request ended that never reached the generator.
absl::string_view RefusalReason(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return "protocol";
    case absl::StatusCode::kResourceExhausted:
      return "uploads";
    case absl::StatusCode::kDeadlineExceeded:
      return "deadline";
    case absl::StatusCode::kCancelled:
      return "cancelled";
    case absl::StatusCode::kUnauthenticated:
      return "credentials";
    case absl::StatusCode::kFailedPrecondition:
      return "fingerprint";
    default:
      return "other";
  }
}

// Returns the name of the call's API key, or empty if no keys are needed.
absl::StatusOr<std::string> Authenticate(ApiKeys* keys, const grpc::ServerContextBase& context) {
  if (keys == nullptr) return "";
  return keys->Authenticate(ClientMetadata(context, kAuthorizationKey),
                            ClientMetadata(context, kApiKeyKey));
}

}  // namespace

GenerateCall::GenerateCall(const CallEnvironment& environment, grpc::CallbackServerContext* context)
    : environment_(environment),
      context_(context),
      request_id_(ChooseRequestId(ClientMetadata(*context, kRequestIdKey))),
      began_(environment.clock->Monotonic()) {}

GenerateCall::~GenerateCall() {
  // The generator may be destroyed once the registry has no call left, so the stream goes first.
  stream_.reset();
  environment_.calls->EndCall(this);
}

void GenerateCall::Begin() {
  trace_.emplace(environment_.tracer, *context_, MethodName(), began_);
  const absl::StatusOr<std::string> key = Authenticate(environment_.keys, *context_);
  const absl::Status entered = key.ok() ? environment_.slots->Enter(*key) : key.status();
  {
    MutexLock lock(&mutex_);
    self_ = shared_from_this();
    record_.request_id = request_id_;
    record_.client = context_->peer();
    record_.trace = trace_->context();
    record_.api_key = key.value_or("");
    last_message_ = began_;
    entered_ = entered.ok();
    uploading_ = entered.ok();
  }
  environment_.calls->BeginCall(shared_from_this());
  if (entered.ok()) {
    ReadMessage(&request_);
  } else {
    End(entered);
  }
}

void GenerateCall::ReadDone(bool ok) {
  int64_t number = 0;
  {
    MutexLock lock(&mutex_);
    if (end_) return;
    last_message_ = environment_.clock->Monotonic();
    number = ++messages_;
  }
  const absl::Status status = CatchExceptions(
      "the request failed", [&] { return ok ? OnMessage(number) : OnUploadEnd(); },
      OutOfMemoryForNow());
  if (!status.ok()) {
    End(status);
  } else if (ok) {
    ReadMessage(&request_);
  }
}

absl::Status GenerateCall::OnMessage(int64_t number) {
  switch (request_.payload_case()) {
    case v1::GenerateMusicRequest::kConfig:
      return OnConfig(number, request_.config());
    case v1::GenerateMusicRequest::kVideoChunk:
      return OnVideoChunk(request_.video_chunk());
    case v1::GenerateMusicRequest::PAYLOAD_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("message ", number, " has neither config nor video_chunk"));
}

absl::Status GenerateCall::OnConfig(int64_t number, const v1::GenerateMusicConfig& config) {
  if (number > 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "message ", number, " is a second config: the config comes first and only there"));
  }
  ASSIGN_OR_RETURN(GenerationRequest request,
                   ToRequest(config, environment_.generator->model_info()));
  const std::string& fingerprint = environment_.generator->model_info().fingerprint;
  if (request.resume && !request.resume->fingerprint.empty() &&
      request.resume->fingerprint != fingerprint) {
    return FingerprintMismatch(request.resume->fingerprint, fingerprint);
  }
  request.request_id = request_id_;
  request.time_limit = TimeLeft(*context_);
  request.observe_stage = trace_->Observer();
  {
    MutexLock lock(&mutex_);
    if (end_) return *end_;
    submitted_ = true;
    request.client_key = record_.api_key;
    declared_bytes_ = request.declared_bytes;
  }
  ASSIGN_OR_RETURN(std::unique_ptr<MusicStream> stream,
                   environment_.generator->Submit(std::move(request)));
  {
    MutexLock lock(&mutex_);
    if (end_) return *end_;  // ended in the meantime; `stream` is destroyed
    stream_ = std::move(stream);
    stream_read_outstanding_ = true;
  }
  // Headers are sent only after admission: until a client has seen headers, its gRPC library may
  // retry the call by itself.
  context_->AddInitialMetadata(kRequestIdKey, request_id_);
  SendHeaders();
  ReadStream();
  return absl::OkStatus();
}

absl::Status GenerateCall::OnVideoChunk(const std::string& bytes) {
  MusicStream* stream = nullptr;
  {
    MutexLock lock(&mutex_);
    stream = stream_.get();
    record_.video_bytes += bytes.size();
  }
  if (stream == nullptr) {
    return absl::InvalidArgumentError("message 1 is a video_chunk: the config comes first");
  }
  return stream->AppendVideo(bytes);
}

absl::Status GenerateCall::OnUploadEnd() {
  // A read also fails if the client is gone.
  if (context_->IsCancelled()) return absl::OkStatus();
  v1::GenerateMusicRequest().Swap(&request_);  // frees the last chunk's memory
  MusicStream* stream = nullptr;
  uint64_t bytes = 0;
  std::optional<uint64_t> declared;
  {
    MutexLock lock(&mutex_);
    stream = stream_.get();
    bytes = record_.video_bytes;
    declared = declared_bytes_;
    ReleaseUploadSlot();
  }
  if (stream == nullptr) return absl::InvalidArgumentError("the call ended without a config");
  if (bytes == 0) return absl::InvalidArgumentError("the call ended without a video_chunk");
  if (declared && bytes != *declared) {
    // A proxy may have cut the upload. A part of a video must not pass for the whole video.
    return absl::InvalidArgumentError(
        absl::StrCat("the upload has ", bytes, " bytes, but video_bytes declared ", *declared));
  }
  return stream->FinishVideo();
}

void GenerateCall::ReleaseUploadSlot() {
  if (!uploading_) return;
  uploading_ = false;
  environment_.slots->EndUpload(record_.api_key);
}

void GenerateCall::ReadStream() {
  MusicStream* stream = nullptr;
  {
    MutexLock lock(&mutex_);
    stream = stream_.get();
  }
  // `this` stays alive, because Finish waits for this Read.
  stream->Read([this](absl::StatusOr<StreamEvent> event) { OnEvent(std::move(event)); });
}

void GenerateCall::OnEvent(absl::StatusOr<StreamEvent> event) {
  const absl::StatusOr<bool> write = CatchExceptions(
      "an event could not be sent",
      [&]() -> absl::StatusOr<bool> { return TakeEvent(std::move(event)); }, OutOfMemoryForNow());
  if (!write.ok()) return End(write.status());
  if (*write) return WriteMessage(&response_);
  MaybeFinish();
}

bool GenerateCall::TakeEvent(absl::StatusOr<StreamEvent> event) {
  MutexLock lock(&mutex_);
  stream_read_outstanding_ = false;
  if (!end_ && !event.ok()) end_ = event.status();
  if (end_) return false;
  Record(*event);
  const bool last = std::holds_alternative<GenerationFinished>(*event);
  ToProto(*std::move(event), environment_.generator->model_info(), &response_);
  last_event_ = last;
  write_began_ = environment_.clock->Monotonic();
  write_outstanding_ = true;
  return true;
}

void GenerateCall::Record(const StreamEvent& event) {
  if (const auto* started = std::get_if<GenerationStarted>(&event)) {
    record_.total_frames = started->total_frames;
    if (!started->seeds.empty()) record_.seed = started->seeds[0];
  } else if (const auto* chunk = std::get_if<AudioChunk>(&event)) {
    record_.samples += chunk->num_samples;
    record_.audio_bytes += chunk->data.size();
  } else if (const auto* finished = std::get_if<GenerationFinished>(&event)) {
    record_.seconds = finished->seconds;
  }
}

void GenerateCall::WriteDone(bool ok) {
  bool read = false;
  bool all_sent = false;
  {
    MutexLock lock(&mutex_);
    write_outstanding_ = false;
    all_sent = ok && last_event_;
    read = ok && !end_ && !last_event_;
    stream_read_outstanding_ = read;
  }
  if (read) {
    ReadStream();
  } else {
    End(all_sent ? absl::OkStatus() : absl::CancelledError("the client went away"));
  }
}

void GenerateCall::Cancelled() {
  {
    MutexLock lock(&mutex_);
    if (end_) return;
  }
  // gRPC does not tell whether the deadline passed, the client cancelled or the client is gone. The
  // slack is needed because the client's clock may be slightly ahead.
  constexpr absl::Duration kSlack = absl::Milliseconds(100);
  if (TimeLeft(*context_) <= kSlack) {
    End(absl::DeadlineExceededError("the deadline has passed"));
  } else {
    End(absl::CancelledError("cancelled by the client"));
  }
}

void GenerateCall::Done() {
  std::shared_ptr<GenerateCall> self;  // destroyed after the lock is released
  MutexLock lock(&mutex_);
  self = std::move(self_);
}

void GenerateCall::End(absl::Status status) {
  MusicStream* to_cancel = nullptr;
  {
    MutexLock lock(&mutex_);
    if (!end_) {
      if (!status.ok()) to_cancel = stream_.get();
      end_ = status;
    }
  }
  if (to_cancel != nullptr) to_cancel->Cancel(std::move(status));
  MaybeFinish();
}

void GenerateCall::MaybeFinish() {
  RequestRecord record;
  bool submitted = false;
  {
    MutexLock lock(&mutex_);
    if (!end_ || finished_ || stream_read_outstanding_ || write_outstanding_ || cutting_off_)
      return;
    finished_ = true;
    ReleaseUploadSlot();
    if (entered_) environment_.slots->Leave(record_.api_key);
    record_.status = *end_;
    record_.duration = environment_.clock->Monotonic() - began_;
    record = record_;
    submitted = submitted_;
    // A refused call sends no headers (see OnConfig), so its trailers carry the request ID.
    if (stream_ == nullptr) context_->AddTrailingMetadata(kRequestIdKey, request_id_);
  }
  environment_.load->OnCallEnd(record.status.code());
  context_->AddTrailingMetadata(kLoadReportKey, environment_.load->Report().SerializeAsString());
  if (!submitted) {
    environment_.metrics->Add(Counter::kRequests, 1,
                              absl::StrCat(absl::StatusCodeToString(record.status.code()), "/",
                                           RefusalReason(record.status)));
  }
  environment_.log->Write(record);
  trace_->End(record, environment_.generator->model_info().name);
  FinishCall(ToGrpcStatus(record.status, context_));
}

absl::Status GenerateCall::CheckUpload(absl::Duration now) const {
  const ServerOptions& options = *environment_.options;
  const auto late = [](auto... parts) {
    return absl::DeadlineExceededError(absl::StrCat(parts...));
  };
  const absl::Duration idle_limit = absl::Seconds(options.upload_idle_timeout_seconds);
  const absl::Duration age = now - began_;
  if (age >= absl::Seconds(options.upload_timeout_seconds)) {
    return late("the upload took longer than ", options.upload_timeout_seconds, " s");
  }
  if (IsOneMessage() && messages_ == 0) return absl::OkStatus();
  if (messages_ == 0 && age >= absl::Seconds(options.first_message_timeout_seconds)) {
    return late("no message came within ", options.first_message_timeout_seconds, " s");
  }
  if (now - last_message_ >= idle_limit) {
    return late("the upload stood still for ", options.upload_idle_timeout_seconds, " s");
  }
  const double least = options.min_upload_bytes_per_second * absl::ToDoubleSeconds(age);
  if (age >= idle_limit && static_cast<double>(record_.video_bytes) < least) {
    return late("the upload brings less than ", options.min_upload_bytes_per_second,
                " bytes a second");
  }
  return absl::OkStatus();
}

absl::Duration GenerateCall::UploadDue() const {
  const ServerOptions& options = *environment_.options;
  const absl::Duration idle_limit = absl::Seconds(options.upload_idle_timeout_seconds);
  absl::Duration due = began_ + absl::Seconds(options.upload_timeout_seconds);
  if (IsOneMessage() && messages_ == 0) return due;
  due = std::min(due, last_message_ + idle_limit);
  if (messages_ == 0) {
    due = std::min(due, began_ + absl::Seconds(options.first_message_timeout_seconds));
  }
  if (options.min_upload_bytes_per_second > 0) {
    const double enough_for =
        static_cast<double>(record_.video_bytes) / options.min_upload_bytes_per_second;
    due = std::min(due, began_ + std::max(idle_limit, absl::Seconds(enough_for)));
  }
  return due;
}

absl::Duration GenerateCall::CheckProgress(absl::Duration now) {
  const absl::Duration send_limit =
      absl::Seconds(environment_.options->generator.send_timeout_seconds);
  // A write that begins from now on is not due before this.
  absl::Duration due = now + send_limit;
  absl::Status too_slow;
  {
    MutexLock lock(&mutex_);
    if (finished_) return absl::InfiniteDuration();
    if (write_outstanding_) due = std::min(due, write_began_ + send_limit);
    if (uploading_ && !end_) {
      too_slow = CheckUpload(now);
      due = std::min(due, UploadDue());
    } else if (write_outstanding_ && !cutting_off_ && now - write_began_ >= send_limit) {
      cutting_off_ = true;
    }
    if (too_slow.ok() && !cutting_off_) return due;
  }
  if (!too_slow.ok()) {
    End(std::move(too_slow));
  } else {
    CutOff(absl::UnavailableError(
        absl::StrCat("the client took no message for ", absl::ToDoubleSeconds(send_limit), " s")));
  }
  return due;
}

void GenerateCall::CutOff(const absl::Status& status) {
  End(status);
  // This makes the outstanding write fail and sends the status to the client; Finish would have to
  // wait for the write. The call stays alive here, because it can't finish while `cutting_off_`.
  grpc_call_cancel_with_status(context_->c_call(), static_cast<grpc_status_code>(status.code()),
                               std::string(status.message()).c_str(), nullptr);
  {
    MutexLock lock(&mutex_);
    cutting_off_ = false;
  }
  MaybeFinish();
}

}  // namespace vidmuse
