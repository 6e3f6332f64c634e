#include "core/engine/event_queue.h"

#include <utility>

namespace vidmuse {
namespace {

uint64_t EventBytes(const StreamEvent& event) {
  const auto* chunk = std::get_if<AudioChunk>(&event);
  if (chunk == nullptr) return sizeof(StreamEvent);
  return sizeof(StreamEvent) + chunk->data.size() + chunk->tokens.size() * sizeof(uint16_t);
}

}  // namespace

EventQueue::EventQueue(uint64_t max_bytes, std::function<void()> on_room)
    : max_bytes_(max_bytes), on_room_(std::move(on_room)) {}

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

void EventQueue::End(absl::Status status) {
  {
    MutexLock lock(&mutex_);
    if (ended_) return;
    ended_ = true;
    end_ = std::move(status);
  }
  Deliver();
}

void EventQueue::Fail(absl::Status status) {
  {
    MutexLock lock(&mutex_);
    if (!ended_) end_ = std::move(status);
    ended_ = true;
    events_.clear();
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
  bool took = false;
  {
    MutexLock lock(&mutex_);
    if (reader_ == nullptr) return;
    if (!events_.empty()) {
      bytes_ -= EventBytes(events_.front());
      event = std::move(events_.front());
      events_.pop_front();
      took = true;
    } else if (!ended_) {
      return;
    } else if (!end_.ok()) {
      event = end_;
    }
    reader = std::exchange(reader_, nullptr);
    ++callbacks_;
  }
  reader(std::move(event));
  if (took) on_room_();
  MutexLock lock(&mutex_);
  --callbacks_;
}

void EventQueue::WaitForCallbacks() {
  MutexLock lock(&mutex_);
  mutex_.Await([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return callbacks_ == 0; });
}

}  // namespace vidmuse
