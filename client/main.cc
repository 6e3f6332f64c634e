// `vidmuse` is the command line that makes music for a video with a server.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include "client/cli/commands.h"
#include "client/cli/flags.h"
#include "core/base/version.h"

namespace vidmuse {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kInterrupted = 130;

// Waits for SIGINT and SIGTERM on a thread of its own, because a signal handler could not take a
// lock. The first signal cancels, so that files are cleaned up. The second one ends the process.
void CancelOnSignals(Cancellation* cancellation) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals, cancellation] {
    int signal = 0;
    sigwait(&signals, &signal);
    cancellation->Cancel();
    sigwait(&signals, &signal);
    _exit(kInterrupted);
  }).detach();
}

absl::Status Run(const CliOptions& options, Cancellation* cancellation) {
  switch (options.command) {
    case Command::kGenerate:
      return RunGenerate(options, cancellation);
    case Command::kLoad:
      return RunLoad(options, cancellation);
    case Command::kModels:
      return RunModels(options);
    case Command::kHealth:
      return RunHealth(options);
    case Command::kHelp:
      absl::PrintF("%s", HelpText());
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

int Main(const std::vector<std::string>& args) {
  signal(SIGPIPE, SIG_IGN);  // writing to a closed pipe then returns an error
  const absl::StatusOr<CliOptions> options = ParseCommandLine(args);
  if (!options.ok()) {
    absl::FPrintF(stderr, "vidmuse: %s\nvidmuse --help lists all commands and flags\n",
                  std::string(options.status().message()));
    return kUsage;
  }
  // Never freed, because the thread that uses it runs until the process ends.
  static auto* const cancellation = new Cancellation;
  if (options->command == Command::kGenerate || options->command == Command::kLoad) {
    CancelOnSignals(cancellation);
  }
  absl::Status status = Run(*options, cancellation);
  if (status.ok() && std::fflush(stdout) != 0) {
    status = absl::ErrnoToStatus(errno, "writing standard output");
  }
  if (status.ok()) return 0;
  absl::FPrintF(stderr, "vidmuse: %s\n", status.ToString());
  return cancellation->cancelled() ? kInterrupted : kFailed;
}

}  // namespace
}  // namespace vidmuse

int main(int argc, char** argv) {
  if (vidmuse::PrintVersionIfAsked(argc, argv)) return 0;
  return vidmuse::Main(std::vector<std::string>(argv + 1, argv + argc));
}
