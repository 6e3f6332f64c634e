// Runs the real gateway for tests.
#ifndef VIDMUSE_TESTS_E2E_GATEWAY_PROCESS_H_
#define VIDMUSE_TESTS_E2E_GATEWAY_PROCESS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/e2e/harness.h"
#include "tests/support/subprocess.h"

namespace vidmuse {

// A running vidmuse_gateway on a free port. Destruction kills it.
class GatewayProcess {
 public:
  // Returns once the gateway has reported that it is ready.
  static absl::StatusOr<std::unique_ptr<GatewayProcess>> Start(
      const std::vector<std::unique_ptr<ServerProcess>>& servers,
      const std::vector<std::string>& flags = {});

  int port() const { return port_; }
  std::string Url(const std::string& path) const;
  void Signal(int signal) { process_->Signal(signal); }
  // As those of Subprocess.
  absl::StatusOr<int> Wait(absl::Duration timeout) { return process_->Wait(timeout); }
  absl::StatusOr<std::string> WaitForErrorLine(const std::string& text, absl::Duration timeout) {
    return process_->WaitForErrorLine(text, timeout);
  }

 private:
  GatewayProcess(std::unique_ptr<Subprocess> process, int port);

  const std::unique_ptr<Subprocess> process_;
  const int port_;
};

// The command line of curl with `args`.
std::vector<std::string> CurlCommand(const std::vector<std::string>& args);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_E2E_GATEWAY_PROCESS_H_
