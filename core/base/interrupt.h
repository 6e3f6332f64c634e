// Ends a long piece of work at Ctrl-C, in order.
#ifndef VIDMUSE_BASE_INTERRUPT_H_
#define VIDMUSE_BASE_INTERRUPT_H_

#include <cstdio>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "absl/time/time.h"
#include "core/base/cancel.h"
#include "core/base/shutdown_signal.h"

namespace vidmuse {

// The exit code of a program that SIGINT has ended, as shells have it.
inline constexpr int kInterruptedExitCode = 130;

// Sets a flag at the first SIGINT or SIGTERM, and says so on standard error; the second one ends
// the program. Create it before threads that should not see the signals.
class Interrupt {
 public:
  explicit Interrupt(std::string program) : program_(std::move(program)) {
    signal_.Arm();
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        if (!signal_.WaitFor(kPoll)) continue;
        std::fprintf(stderr, "\n%s: stopping after this clip\n", program_.c_str());
        cancel_.Cancel();
        return;
      }
    });
  }

  const CancelFlag& cancel() const { return cancel_; }

 private:
  static constexpr absl::Duration kPoll = absl::Milliseconds(100);

  const std::string program_;
  ShutdownSignal signal_;
  CancelFlag cancel_;
  std::jthread thread_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_INTERRUPT_H_
