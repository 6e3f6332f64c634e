#include "client/gateway/song_stream.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "client/gateway/event_stream.h"
#include "core/base/status_macros.h"

namespace vidmuse {

SongStream::SongStream(MusicClient* client, GenerateOptions options, std::shared_ptr<Upload> upload,
                       SongForm form)
    : client_(client), upload_(std::move(upload)), form_(form), options_(std::move(options)) {
  options_.cancellation = &cancellation_;
  thread_ = std::thread([this] { Run(); });
}

SongStream::~SongStream() {
  Cancel();
  thread_.join();
}

void SongStream::Run() {
  pthread_setname_np(pthread_self(), "vm-song");
  const GenerateSink sink = form_ == SongForm::kFile ? FileSink() : EventSink();
  const absl::Status status = client_->Generate(options_, *upload_, sink);
  MutexLock lock(&mutex_);
  status_ = status;
}

GenerateSink SongStream::FileSink() {
  GenerateSink sink;
  sink.started = [this](const v1::GenerationStarted& started) {
    SetStarted(started);
    return absl::OkStatus();
  };
  sink.chunk = [this](const v1::AudioChunk& chunk) { return Append(chunk.data()); };
  return sink;
}

GenerateSink SongStream::EventSink() {
  GenerateSink sink;
  sink.started = [this](const v1::GenerationStarted& started) {
    SetStarted(started);
    return AppendEvent(MessageEvent(started));
  };
  sink.chunk = [this](const v1::AudioChunk& chunk) {
    if (form_ == SongForm::kEventsWithTokens) return AppendEvent(MessageEvent(chunk));
    v1::AudioChunk without_tokens = chunk;
    without_tokens.clear_tokens();
    return AppendEvent(MessageEvent(without_tokens));
  };
  // A failure of these two is a cancellation, which ends the call by itself.
  sink.progress = [this](const v1::GenerationProgress& progress) {
    AppendEvent(MessageEvent(progress)).IgnoreError();
  };
  sink.finished = [this](const v1::GenerationFinished& finished) {
    AppendEvent(MessageEvent(finished)).IgnoreError();
  };
  return sink;
}

void SongStream::SetStarted(const v1::GenerationStarted& started) {
  MutexLock lock(&mutex_);
  started_ = started;
}

absl::Status SongStream::AppendEvent(const absl::StatusOr<std::string>& event) {
  return event.ok() ? Append(*event) : event.status();
}

absl::Status SongStream::Append(absl::string_view bytes) {
  MutexLock lock(&mutex_);
  while (!bytes.empty()) {
    mutex_.Await([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return cancelled_ || bytes_.size() < kMaxBytes;
    });
    if (cancelled_) return absl::CancelledError("the client went away");
    const size_t count = std::min(bytes.size(), kMaxBytes - bytes_.size());
    bytes_.append(bytes.data(), count);
    bytes.remove_prefix(count);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<v1::GenerationStarted>> SongStream::WaitForStart(
    absl::Duration timeout) {
  MutexLock lock(&mutex_);
  mutex_.AwaitFor(timeout, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return started_.has_value() || status_.has_value();
  });
  if (!started_.has_value() && status_.has_value()) {
    return status_->ok() ? absl::InternalError("the song ended before it started") : *status_;
  }
  return started_;
}

absl::StatusOr<bool> SongStream::WaitForBytes(absl::Duration timeout) {
  MutexLock lock(&mutex_);
  mutex_.AwaitFor(timeout, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !bytes_.empty() || status_.has_value();
  });
  if (status_.has_value() && !status_->ok()) return *status_;
  return !bytes_.empty();
}

absl::StatusOr<size_t> SongStream::Read(char* out, size_t size, absl::Duration timeout) {
  MutexLock lock(&mutex_);
  mutex_.AwaitFor(timeout, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !bytes_.empty() || status_.has_value();
  });
  if (bytes_.empty()) {
    if (status_.has_value() && !status_->ok()) return *status_;
    return size_t{0};
  }
  const size_t count = std::min(size, bytes_.size());
  std::copy_n(bytes_.data(), count, out);
  bytes_.erase(0, count);
  return count;
}

bool SongStream::ended() const {
  MutexLock lock(&mutex_);
  return bytes_.empty() && status_.has_value() && status_->ok();
}

void SongStream::Cancel() {
  {
    MutexLock lock(&mutex_);
    cancelled_ = true;
  }
  upload_->End(absl::CancelledError("the client went away")).IgnoreError();
  cancellation_.Cancel();
}

}  // namespace vidmuse
