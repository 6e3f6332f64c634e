#include "tests/support/subprocess.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace vidmuse {
namespace {

// Runs in the child process, so it makes only calls that are safe after fork.
[[noreturn]] void Exec(char* const* argv, int output_fd, int error_fd) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // if the test is killed, its programs are killed too
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null_fd = open("/dev/null", O_RDONLY);
  dup2(null_fd, STDIN_FILENO);
  dup2(output_fd, STDOUT_FILENO);
  dup2(error_fd, STDERR_FILENO);
  execv(argv[0], argv);
  _exit(127);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Subprocess>> Subprocess::Start(
    const std::vector<std::string>& args) {
  std::vector<char*> argv;
  for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  int output_fds[2];
  int error_fds[2];
  if (pipe2(output_fds, O_CLOEXEC) != 0 || pipe2(error_fds, O_CLOEXEC) != 0) {
    return absl::ErrnoToStatus(errno, "pipe2");
  }
  const pid_t pid = fork();
  if (pid == 0) Exec(argv.data(), output_fds[1], error_fds[1]);
  const int fork_error = errno;
  close(output_fds[1]);
  close(error_fds[1]);
  if (pid < 0) {
    close(output_fds[0]);
    close(error_fds[0]);
    return absl::ErrnoToStatus(fork_error, "fork");
  }
  return std::unique_ptr<Subprocess>(new Subprocess(pid, output_fds[0], error_fds[0]));
}

Subprocess::Subprocess(pid_t pid, int output_fd, int error_fd) : pid_(pid) {
  threads_.emplace_back([this, output_fd] { Drain(output_fd, &output_); });
  threads_.emplace_back([this, error_fd] { Drain(error_fd, &error_); });
  threads_.emplace_back([this] { Reap(); });
}

Subprocess::~Subprocess() {
  Signal(SIGKILL);
  for (std::thread& thread : threads_) thread.join();
}

void Subprocess::Drain(int fd, Pipe* pipe) {
  char buffer[1 << 14];
  for (;;) {
    const ssize_t got = read(fd, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    MutexLock lock(&mutex_);
    if (got <= 0) {
      pipe->closed = true;
      break;
    }
    pipe->text.append(buffer, static_cast<size_t>(got));
  }
  close(fd);
}

void Subprocess::Reap() {
  // Waits without reaping first, and reaps under the lock. So Signal never reaches another process
  // that got the same id.
  siginfo_t info;
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  MutexLock lock(&mutex_);
  int status = 0;
  waitpid(pid_, &status, 0);
  ended_ = true;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void Subprocess::Signal(int signal) {
  MutexLock lock(&mutex_);
  if (!ended_) kill(pid_, signal);
}

absl::StatusOr<std::string> Subprocess::WaitForErrorLine(const std::string& text,
                                                         absl::Duration timeout) {
  std::string line;
  const auto found = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const size_t at = error_.text.find(text);
    const size_t end = at == std::string::npos ? at : error_.text.find('\n', at);
    if (end == std::string::npos) return error_.closed;
    const size_t begin = error_.text.rfind('\n', at);
    const size_t first = begin == std::string::npos ? 0 : begin + 1;
    line = error_.text.substr(first, end - first);
    return true;
  };
  MutexLock lock(&mutex_);
  const bool in_time = mutex_.AwaitFor(timeout, found);
  if (!line.empty()) return line;
  const std::string why = absl::StrCat("no line with '", text, "' in: ", error_.text);
  return in_time ? absl::UnavailableError(why) : absl::DeadlineExceededError(why);
}

absl::StatusOr<int> Subprocess::Wait(absl::Duration timeout) {
  const auto done = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return ended_ && output_.closed && error_.closed;
  };
  MutexLock lock(&mutex_);
  if (mutex_.AwaitFor(timeout, done)) return exit_code_;
  return absl::DeadlineExceededError(
      absl::StrCat("process ", pid_, " still runs; it wrote: ", error_.text));
}

std::string Subprocess::output() const {
  MutexLock lock(&mutex_);
  return output_.text;
}

std::string Subprocess::error() const {
  MutexLock lock(&mutex_);
  return error_.text;
}

RunResult RunProgram(const std::vector<std::string>& args, absl::Duration timeout) {
  const auto process = Subprocess::Start(args);
  if (!process.ok()) return {.error = process.status().ToString()};
  const absl::StatusOr<int> code = (*process)->Wait(timeout);
  return {
      .exit_code = code.value_or(-1), .output = (*process)->output(), .error = (*process)->error()};
}

}  // namespace vidmuse
