#include "client/gateway/connection_watch.h"

#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>

#include "core/base/clock.h"

namespace vidmuse {
namespace {

absl::Duration Now() { return Clock::Real()->Monotonic(); }

}  // namespace

ConnectionWatch::ConnectionWatch(absl::Duration header_timeout)
    : header_timeout_(header_timeout), thread_([this] { Run(); }) {}

ConnectionWatch::~ConnectionWatch() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void ConnectionWatch::Run() {
  pthread_setname_np(pthread_self(), "vm-connections");
  const absl::Duration look = std::min(header_timeout_ / 4, absl::Seconds(1));
  MutexLock lock(&mutex_);
  while (!mutex_.AwaitFor(look,
                          [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_; })) {
    const absl::Duration oldest = Now() - header_timeout_;
    for (const auto& [name, connection] : connections_) {
      if (!connection.in_request && connection.since < oldest) shutdown(connection.fd, SHUT_RDWR);
    }
  }
}

void ConnectionWatch::Add(const void* connection, int fd) {
  MutexLock lock(&mutex_);
  connections_[connection] = {.fd = fd, .in_request = false, .since = Now()};
}

void ConnectionWatch::Remove(const void* connection) {
  MutexLock lock(&mutex_);
  connections_.erase(connection);
}

void ConnectionWatch::BeginRequest(const void* connection) {
  MutexLock lock(&mutex_);
  ++requests_;
  connections_[connection].in_request = true;
}

void ConnectionWatch::EndRequest(const void* connection) {
  MutexLock lock(&mutex_);
  --requests_;
  const auto found = connections_.find(connection);
  if (found == connections_.end()) return;
  found->second.in_request = false;
  found->second.since = Now();
}

void ConnectionWatch::WaitForRequests(absl::Duration timeout) {
  MutexLock lock(&mutex_);
  mutex_.AwaitFor(timeout,
                  [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return requests_ == 0; });
}

}  // namespace vidmuse
