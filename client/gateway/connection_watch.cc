#include "client/gateway/connection_watch.h"

#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/gateway/http_status.h"
#include "core/base/clock.h"

namespace vidmuse {
namespace {

absl::Duration Now() { return Clock::Real()->Monotonic(); }

absl::Status TooLate(const char* what, absl::Duration limit) {
  return absl::DeadlineExceededError(absl::StrCat(what, " within ", absl::FormatDuration(limit)));
}

std::string Answer(const absl::Status& failure) {
  const std::string body = ErrorBody(failure);
  return absl::StrCat(
      "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: application/json\r\n"
      "content-length: ",
      body.size(), "\r\n\r\n", body);
}

}  // namespace

ConnectionWatch::ConnectionWatch(const Limits& limits)
    : limits_(limits), thread_([this] { Run(); }) {}

ConnectionWatch::~ConnectionWatch() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void ConnectionWatch::Run() {
  pthread_setname_np(pthread_self(), "vm-connections");
  const absl::Duration look =
      std::min({limits_.header / 4, limits_.idle / 4, limits_.body / 4, absl::Seconds(1)});
  MutexLock lock(&mutex_);
  while (!mutex_.AwaitFor(look,
                          [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_; })) {
    const absl::Duration now = Now();
    for (auto& [name, connection] : connections_) {
      connection.failure.Update(Check(connection, now));
      if (!connection.failure.ok() && connection.state != State::kGivenUp) GiveUp(connection);
    }
  }
}

absl::Status ConnectionWatch::Check(const Connection& connection, absl::Duration now) const {
  switch (connection.state) {
    case State::kNew:
    case State::kBetween:
      if (now - connection.begin < limits_.header) return absl::OkStatus();
      return TooLate("the request's header didn't come", limits_.header);
    case State::kBody:
      if (now - connection.last >= limits_.idle) {
        return TooLate("no more of the request's body came", limits_.idle);
      }
      if (now - connection.begin < limits_.body) return absl::OkStatus();
      return TooLate("the request's body didn't come", limits_.body);
    case State::kAnswer:
    case State::kGivenUp:
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

void ConnectionWatch::GiveUp(Connection& connection) const {
  // The connection's thread writes nothing in these states: it waits for the client.
  if (!limits_.tls && connection.state != State::kBetween) {
    const std::string answer = Answer(connection.failure);
    send(connection.fd, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  connection.state = State::kGivenUp;
  shutdown(connection.fd, SHUT_RDWR);
}

void ConnectionWatch::Enter(const void* connection, State state) {
  const auto found = connections_.find(connection);
  if (found == connections_.end() || found->second.state == State::kGivenUp) return;
  found->second.state = state;
  found->second.begin = found->second.last = Now();
}

void ConnectionWatch::Add(const void* connection, int fd) {
  MutexLock lock(&mutex_);
  Connection& added = connections_[connection] = Connection();
  added.fd = fd;
  added.begin = Now();
}

void ConnectionWatch::Remove(const void* connection) {
  MutexLock lock(&mutex_);
  connections_.erase(connection);
}

void ConnectionWatch::BeginRequest(const void* connection) {
  MutexLock lock(&mutex_);
  ++requests_;
  Enter(connection, State::kBody);
}

void ConnectionWatch::Receive(const void* connection) {
  MutexLock lock(&mutex_);
  const auto found = connections_.find(connection);
  if (found != connections_.end()) found->second.last = Now();
}

void ConnectionWatch::BeginAnswer(const void* connection) {
  MutexLock lock(&mutex_);
  Enter(connection, State::kAnswer);
}

absl::Status ConnectionWatch::EndRequest(const void* connection) {
  MutexLock lock(&mutex_);
  --requests_;
  Enter(connection, State::kBetween);
  const auto found = connections_.find(connection);
  return found == connections_.end() ? absl::OkStatus() : found->second.failure;
}

void ConnectionWatch::WaitForRequests(absl::Duration timeout) {
  MutexLock lock(&mutex_);
  mutex_.AwaitFor(timeout,
                  [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return requests_ == 0; });
}

}  // namespace vidmuse
