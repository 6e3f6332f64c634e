#include "client/gateway/song_stream.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace vidmuse {

SongStream::SongStream(MusicClient* client, GenerateOptions options, std::shared_ptr<Upload> upload)
    : client_(client), upload_(std::move(upload)), options_(std::move(options)) {
  options_.cancellation = &cancellation_;
  thread_ = std::thread([this] { Run(); });
}

SongStream::~SongStream() {
  Cancel();
  thread_.join();
}

void SongStream::Run() {
  pthread_setname_np(pthread_self(), "vm-song");
  GenerateSink sink;
  sink.started = [this](const v1::GenerationStarted& started) {
    MutexLock lock(&mutex_);
    started_ = started;
    return absl::OkStatus();
  };
  sink.chunk = [this](const v1::AudioChunk& chunk) { return Append(chunk.data()); };
  const absl::Status status = client_->Generate(options_, *upload_, sink);
  MutexLock lock(&mutex_);
  status_ = status;
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
