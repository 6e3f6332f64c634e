// Runs the real server, with a tiny model, and the real command-line program for tests.
#ifndef VIDMUSE_TESTS_E2E_HARNESS_H_
#define VIDMUSE_TESTS_E2E_HARNESS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/support/sanitized.h"
#include "tests/support/subprocess.h"

namespace vidmuse {

// Path of a file under tests/data.
std::string DataPath(const std::string& name);
// Path of a golden video, for example "life_7s".
std::string GoldenVideo(const std::string& name);
// Path of `name` in this test program's own folder, which is removed when the program ends.
std::string TempFile(const std::string& name);
std::string ReadFile(const std::string& path);
// Resident memory of a process in megabytes; with "VmHWM:", the most that it ever was.
double ResidentMegabytes(pid_t pid, const std::string& name = "VmRSS:");

// The folder of the model that the golden files were made with. It is created on first use.
absl::StatusOr<std::string> TinyModel();
// The folder of a model that takes a quarter of the time to encode pictures.
absl::StatusOr<std::string> QuickModel();

// A running vidmuse_server on free ports. Destruction kills it.
class ServerProcess {
 public:
  // Returns once the server has reported that it is ready. It has the QuickModel, unless
  // `more_flags` name another. `environment` holds "NAME=value" strings
  // that are added to the test's environment.
  static absl::StatusOr<std::unique_ptr<ServerProcess>> Start(
      const std::vector<std::string>& more_flags = {},
      const std::vector<std::string>& environment = {});
  // Starts another program. `args` is its whole command line; it must listen on 127.0.0.1 for both
  // gRPC and metrics.
  static absl::StatusOr<std::unique_ptr<ServerProcess>> StartProgram(std::vector<std::string> args);

  const std::string& address() const { return address_; }
  pid_t pid() const { return process_->pid(); }
  // Body of GET /metrics.
  absl::StatusOr<std::string> Metrics() const;
  // Waits until /metrics has a sample of `name` with `label` ("" for any) and `value` (-1 for any).
  absl::Status WaitForMetric(const std::string& name, const std::string& label, double value,
                             absl::Duration timeout = kPatience * absl::Seconds(30)) const;

  void Terminate();  // SIGTERM
  // OK if the server ends with exit code 0 in time, and each line of its log is JSON.
  absl::Status WaitForCleanExit(absl::Duration timeout = kPatience * absl::Seconds(60));
  // Calls Terminate, then WaitForCleanExit.
  absl::Status Stop();

  // Everything that the server has written to standard error so far.
  std::string log() const { return process_->error(); }

 private:
  ServerProcess(std::unique_ptr<Subprocess> process, std::string address, int metrics_port);

  std::unique_ptr<Subprocess> process_;
  const std::string address_;
  const int metrics_port_;
};

// Runs `vidmuse generate` with --server, --video and --output, followed by `flags`.
RunResult Generate(const ServerProcess& server, const std::string& video, const std::string& output,
                   const std::vector<std::string>& flags);

// Tokens of a tokens file: [frames][codebooks].
absl::StatusOr<std::vector<std::vector<int>>> ReadTokens(const std::string& path);

// Samples of PCM_F32LE audio.
std::vector<float> Floats(absl::string_view bytes);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_E2E_HARNESS_H_
