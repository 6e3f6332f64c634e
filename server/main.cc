// vidmuse_server: loads a model, serves it over gRPC, ends in order on SIGTERM and SIGINT.
#include <csignal>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "server/metrics.h"
#include "server/options.h"
#include "server/server.h"
#include "server/shutdown_signal.h"
#include "vidmuse/generator.h"
#include "vidmuse/self_test.h"

namespace vidmuse {
namespace {

constexpr int kFailed = 1;
constexpr int kBadUsage = 2;

int Fail(int code, const absl::Status& status) {
  std::cerr << "vidmuse_server: " << status.message() << std::endl;
  return code;
}

std::string Host(const std::string& address) { return address.substr(0, address.rfind(':')); }

void SayReady(const ServerOptions& options, const Server& server) {
  std::string line =
      "vidmuse_server: ready on " + Host(options.listen) + ":" + std::to_string(server.port());
  if (server.metrics_port() != 0) {
    line += ", metrics on " + Host(options.metrics_listen) + ":" +
            std::to_string(server.metrics_port());
  }
  std::cerr << line + "\n" << std::flush;
}

int SayTested(const std::string& model) {
  std::cout << "self-test passed" << (model.empty() ? "" : ", one step of " + model) << std::endl;
  return 0;
}

int Main(const std::vector<std::string>& args) {
  absl::StatusOr<ServerOptions> options = ParseOptions(args);
  if (!options.ok()) return Fail(kBadUsage, options.status());
  if (options->help) {
    std::cout << OptionsHelp();
    return 0;
  }
  std::signal(SIGPIPE, SIG_IGN);
  ShutdownSignal signal;

  const absl::Status tested = SelfTest();
  if (!tested.ok()) {
    return Fail(kFailed, absl::InternalError(absl::StrCat("self-test: ", tested.message())));
  }
  if (options->self_test && options->generator.model_dir.empty()) return SayTested("");

  options->generator.warn = [](const std::string& line) {
    std::cerr << "vidmuse_server: " + line + "\n" << std::flush;
  };
  PrometheusMetrics metrics;
  auto generator = Generator::Create(options->generator, &metrics);
  if (!generator.ok()) return Fail(kFailed, generator.status());
  if (options->self_test) return SayTested((*generator)->model_info().name);
  metrics.Describe((*generator)->model_info(), VIDMUSE_VERSION);
  auto server = Server::Start(*options, generator->get(), &metrics, &std::cerr);
  if (!server.ok()) return Fail(kFailed, server.status());

  signal.Arm();
  SayReady(*options, **server);
  signal.Wait();
  std::cerr << "vidmuse_server: draining\n" << std::flush;
  if (!(*server)->Drain(absl::Seconds(options->drain_seconds))) {
    std::cerr << "vidmuse_server: drain_seconds passed, requests were cut off\n" << std::flush;
  }
  return 0;
}

}  // namespace
}  // namespace vidmuse

int main(int argc, char** argv) {
  return vidmuse::Main(std::vector<std::string>(argv + 1, argv + argc));
}
