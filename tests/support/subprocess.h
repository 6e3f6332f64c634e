// Runs a program for a test, captures its output and waits for its end with a deadline.
#ifndef VIDMUSE_TESTS_SUPPORT_SUBPROCESS_H_
#define VIDMUSE_TESTS_SUPPORT_SUBPROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"
#include "tests/support/sanitized.h"

namespace vidmuse {

// Thread-safe. The destructor kills the program if it still runs.
class Subprocess {
 public:
  // args[0] is the program's path. Standard input is empty.
  static absl::StatusOr<std::unique_ptr<Subprocess>> Start(const std::vector<std::string>& args);
  ~Subprocess();
  Subprocess(const Subprocess&) = delete;
  Subprocess& operator=(const Subprocess&) = delete;

  // Waits for a line of standard error that contains `text`, and returns the first one.
  // DEADLINE_EXCEEDED: none came within `timeout`. UNAVAILABLE: the program closed standard error
  // first. Both messages hold what it had written.
  absl::StatusOr<std::string> WaitForErrorLine(const std::string& text, absl::Duration timeout);

  void Signal(int signal);
  pid_t pid() const { return pid_; }

  // Waits for the program's end. Returns the exit code, or 128 + the signal that ended it.
  // DEADLINE_EXCEEDED: it still runs, or its output is still open.
  absl::StatusOr<int> Wait(absl::Duration timeout);

  // Everything written so far; the whole output once Wait has returned a code.
  std::string output() const;
  std::string error() const;

 private:
  struct Pipe {
    std::string text;
    bool closed = false;
  };

  Subprocess(pid_t pid, int output_fd, int error_fd);
  void Drain(int fd, Pipe* pipe);
  void Reap();

  const pid_t pid_;
  mutable Mutex mutex_;
  Pipe output_ ABSL_GUARDED_BY(mutex_);
  Pipe error_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  int exit_code_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::thread> threads_;
};

struct RunResult {
  int exit_code = -1;  // -1: it couldn't be started, or it did not end in time and was killed
  std::string output = {};
  std::string error = {};
};

// Runs a program to its end, or kills it after `timeout`.
RunResult RunProgram(const std::vector<std::string>& args,
                     absl::Duration timeout = kPatience * absl::Seconds(60));

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_SUBPROCESS_H_
