#include "core/base/shutdown_signal.h"

#include <pthread.h>

#include <cstdlib>

namespace vidmuse {

ShutdownSignal::ShutdownSignal() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  thread_ = std::thread([this] { Run(); });
}

ShutdownSignal::~ShutdownSignal() {
  {
    MutexLock lock(&mutex_);
    state_ = State::kStopping;
  }
  // NOLINTNEXTLINE(bugprone-bad-signal-to-kill-thread): the signal is blocked, and sigwait takes it
  pthread_kill(thread_.native_handle(), SIGTERM);  // wakes the thread
  thread_.join();
}

void ShutdownSignal::Arm() {
  MutexLock lock(&mutex_);
  state_ = State::kArmed;
}

bool ShutdownSignal::WaitFor(absl::Duration timeout) {
  MutexLock lock(&mutex_);
  return mutex_.AwaitFor(timeout, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return state_ == State::kSignalled;
  });
}

void ShutdownSignal::Run() {
  while (true) {
    int signal = 0;
    if (sigwait(&signals_, &signal) != 0) continue;
    MutexLock lock(&mutex_);
    if (state_ == State::kStopping) return;
    if (state_ != State::kArmed) std::_Exit(128 + signal);
    state_ = State::kSignalled;
  }
}

}  // namespace vidmuse
