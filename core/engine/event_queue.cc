#include "core/engine/event_queue.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "core/base/catch_exceptions.h"

namespace vidmuse {
namespace {

uint64_t EventBytes(const StreamEvent& event) {
  const auto* chunk = std::get_if<AudioChunk>(&event);
  if (chunk == nullptr) return sizeof(StreamEvent);
  return sizeof(StreamEvent) + chunk->data.size() + chunk->tokens.size() * sizeof(uint16_t);
}

}  // namespace

EventQueue::EventQueue(uint64_t max_bytes, std::function<void()> on_taken,
                       std::function<void(const absl::Status&)> on_failure)
    : max_bytes_(max_bytes), on_taken_(std::move(on_taken)), on_failure_(std::move(on_failure)) {}

bool EventQueue::HasRoom() const {
  MutexLock lock(&mutex_);
  return bytes_ < max_bytes_;
}

void EventQueue::Push(StreamEvent event) {
  {
    MutexLock lock(&mutex_);
    if (ended_) return;
    bytes_ += EventBytes(event);
    events_.push_back(std::move(event));
  }
  Deliver();
}

void EventQueue::SetProgress(GenerationProgress progress) {
  MutexLock lock(&mutex_);
  if (!ended_) progress_ = progress;
}

bool EventQueue::AllTaken() const {
  MutexLock lock(&mutex_);
  return ended_ && end_.ok() && events_.empty() && !progress_;
}

void EventQueue::Finish(GenerationFinished last) {
  {
    MutexLock lock(&mutex_);
    if (ended_) return;
    events_.emplace_back(last);
    bytes_ += EventBytes(events_.back());
    ended_ = true;
  }
  Deliver();
}

void EventQueue::Fail(absl::Status status) {
  {
    MutexLock lock(&mutex_);
    if (!ended_) end_ = std::move(status);
    ended_ = true;
    events_.clear();
    progress_ = std::nullopt;
    bytes_ = 0;
  }
  Deliver();
}

void EventQueue::Read(MusicStream::ReadCallback callback) {
  {
    MutexLock lock(&mutex_);
    reader_ = std::move(callback);
  }
  Deliver();
}

void EventQueue::Deliver() {
  MusicStream::ReadCallback reader;
  absl::StatusOr<StreamEvent> event = absl::OutOfRangeError("the stream has ended");
  {
    MutexLock lock(&mutex_);
    if (reader_ == nullptr) return;
    if (progress_) {
      event = *std::exchange(progress_, std::nullopt);
    } else if (!events_.empty()) {
      bytes_ -= EventBytes(events_.front());
      event = std::move(events_.front());
      events_.pop_front();
    } else if (!ended_) {
      return;
    } else if (!end_.ok()) {
      event = end_;
    }
    reader = std::exchange(reader_, nullptr);
    ++callbacks_;
  }
  const absl::Cleanup done = [this] {
    MutexLock lock(&mutex_);
    --callbacks_;
  };
  Call(reader, std::move(event));
}

void EventQueue::Call(const MusicStream::ReadCallback& reader, absl::StatusOr<StreamEvent> event) {
  const bool took = event.ok();
  const absl::Status failure = CatchExceptions("a reader failed", [&] {
    reader(std::move(event));
    if (took) on_taken_();
  });
  if (!failure.ok()) on_failure_(failure);
}

void EventQueue::WaitForCallbacks() {
  MutexLock lock(&mutex_);
  mutex_.Await([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return callbacks_ == 0; });
}

}  // namespace vidmuse
