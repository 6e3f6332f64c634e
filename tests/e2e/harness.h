// The real server and the real command-line program, run by a test over the tiny model.
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

// A file under tests/data.
std::string DataPath(const std::string& name);
// "life_7s" -> the path of a golden video.
std::string GoldenVideo(const std::string& name);
// A name in a folder of this test's own, removed when the test program ends.
std::string TempFile(const std::string& name);
std::string ReadFile(const std::string& path);
// Megabytes that a process has resident; "VmHWM:": the most it ever had.
double ResidentMegabytes(pid_t pid, const std::string& name = "VmRSS:");

// The folder of the model whose outputs the goldens hold; made on first use.
absl::StatusOr<std::string> TinyModel();

// A running vidmuse_server on free ports. Destruction kills it.
class ServerProcess {
 public:
  // Returns once the server has said that it is ready.
  // `environment`: "NAME=value", beside the test's own.
  static absl::StatusOr<std::unique_ptr<ServerProcess>> Start(
      const std::vector<std::string>& more_flags = {},
      const std::vector<std::string>& environment = {});
  // Another server program with the same flags, but for the model's.
  static absl::StatusOr<std::unique_ptr<ServerProcess>> StartProgram(std::vector<std::string> args);

  const std::string& address() const { return address_; }
  pid_t pid() const { return process_->pid(); }
  // What GET /metrics answers.
  absl::StatusOr<std::string> Metrics() const;
  // Waits until /metrics has a sample of `name`, with `label` ("" for any) and `value` (-1 for
  // any).
  absl::Status WaitForMetric(const std::string& name, const std::string& label, double value,
                             absl::Duration timeout = kPatience * absl::Seconds(30)) const;

  void Terminate();  // SIGTERM
  // OK if the server ends with exit code 0 in time.
  absl::Status WaitForCleanExit(absl::Duration timeout = kPatience * absl::Seconds(60));
  // Both.
  absl::Status Stop();

  // What the server has written to standard error.
  std::string log() const { return process_->error(); }

 private:
  ServerProcess(std::unique_ptr<Subprocess> process, std::string address, int metrics_port);

  std::unique_ptr<Subprocess> process_;
  const std::string address_;
  const int metrics_port_;
};

// `vidmuse generate` with `flags` after --server, --video and --output.
RunResult Generate(const ServerProcess& server, const std::string& video, const std::string& output,
                   const std::vector<std::string>& flags);

// The lines of a tokens file: [frames][codebooks].
absl::StatusOr<std::vector<std::vector<int>>> ReadTokens(const std::string& path);

// Bytes of PCM_F32LE.
std::vector<float> Floats(absl::string_view bytes);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_E2E_HARNESS_H_
