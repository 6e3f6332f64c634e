// vidmuse_server loads a model, serves it over gRPC, and shuts down in order on SIGTERM and SIGINT.
#include <algorithm>
#include <csignal>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/log_writer.h"
#include "core/base/shutdown_signal.h"
#include "core/base/version.h"
#include "server/live_watch.h"
#include "server/metrics.h"
#include "server/options.h"
#include "server/server.h"
#include "server/watchdog.h"
#include "telemetry/library_log.h"
#include "vidmuse/generator.h"
#include "vidmuse/self_test.h"

namespace vidmuse {
namespace {

constexpr int kFailed = 1;
constexpr int kBadUsage = 2;

std::string Host(const std::string& address) { return address.substr(0, address.rfind(':')); }

// For people, and for scripts that start a server and wait until it is ready.
std::string ReadyLine(const ServerOptions& options, const Server& server) {
  std::string line = absl::StrCat("ready on ", Host(options.listen), ":", server.port());
  if (server.metrics_port() == 0) return line;
  return absl::StrCat(line, ", metrics on ", Host(options.metrics_listen), ":",
                      server.metrics_port());
}

// One run of the server.
class ServerMain {
 public:
  explicit ServerMain(const ServerOptions& options)
      : options_(options),
        log_(std::make_shared<LogWriter>(PlainStandardError())),
        notices_(log_) {}

  ~ServerMain() {
    watchdog_ = nullptr;
    log_->Flush(LogWriter::kFlushTimeout);
  }

  int Run();

 private:
  void Say(absl::string_view line, Severity severity = Severity::kInfo) {
    notices_.Notice("server", line, severity);
  }
  int Fail(const absl::Status& status) {
    Say(status.message(), Severity::kError);
    return kFailed;
  }
  // Ends the process if the self-test hangs.
  std::unique_ptr<Watchdog> SelfTestWatchdog() const {
    return std::make_unique<Watchdog>(
        absl::Seconds(options_.self_test_seconds), kFailed,
        absl::StrCat("self-test: not done after ", options_.self_test_seconds,
                     " s (self_test_seconds)"),
        log_);
  }
  static int SayTested(const std::string& model) {
    std::cout << "self-test passed" << (model.empty() ? "" : ", one step of " + model) << '\n'
              << std::flush;
    return 0;
  }
  // Returns the exit code once a signal comes or the generator has not been live for too long.
  int Serve(const Generator& generator);
  void Drain(std::unique_ptr<Server> server);

  // Must be the first member, so that threads started later don't receive the signals.
  ShutdownSignal signal_;
  ServerOptions options_;
  const std::shared_ptr<LogWriter> log_;
  RequestLog notices_;
  std::unique_ptr<Watchdog> watchdog_;  // for the current phase; null: none
};

int ServerMain::Run() {
  std::signal(SIGPIPE, SIG_IGN);
  SendLibraryLogsTo(log_);

  watchdog_ = SelfTestWatchdog();
  const absl::Status tested = SelfTestDevices(
      options_.generator.device, options_.generator.precision, [this](const std::string& line) {
        if (options_.self_test) std::cout << line << '\n' << std::flush;
      });
  watchdog_ = nullptr;
  if (!tested.ok()) return Fail(absl::InternalError(absl::StrCat("self-test: ", tested.message())));
  if (options_.self_test && options_.generator.model_dir.empty()) return SayTested("");

  options_.generator.warn = [this](const std::string& line) { Say(line, Severity::kWarning); };
  options_.generator.loaded = [this] { watchdog_ = SelfTestWatchdog(); };
  PrometheusMetrics metrics;
  auto generator = Generator::Create(options_.generator, &metrics);
  watchdog_ = nullptr;
  if (!generator.ok()) return Fail(generator.status());
  if (options_.self_test) return SayTested((*generator)->model_info().name);
  metrics.Describe((*generator)->model_info(), VIDMUSE_VERSION);
  auto server = Server::Start(options_, generator->get(), &metrics, log_);
  if (!server.ok()) return Fail(server.status());

  signal_.Arm();
  Say(ReadyLine(options_, **server));
  const int code = Serve(**generator);
  Drain(*std::move(server));
  return code;
}

int ServerMain::Serve(const Generator& generator) {
  LiveWatch watch;
  while (!signal_.WaitFor(absl::Seconds(1))) {
    const auto change = watch.Observe(generator.Health(), Clock::Real()->Monotonic());
    if (change) Say(*change, Severity::kError);
    if (!watch.over()) continue;
    Say("not live for too long: another process may be", Severity::kError);
    return kFailed;
  }
  return 0;
}

void ServerMain::Drain(std::unique_ptr<Server> server) {
  Say("draining");
  // The watchdog stays on after the drain, while the server and the generator are destroyed.
  const absl::Duration limit = absl::Seconds(std::max(options_.drain_seconds, 1.0));
  watchdog_ = std::make_unique<Watchdog>(limit, kFailed,
                                         "drain_seconds passed, ended with work left", log_);
  if (!server->Drain(absl::Seconds(options_.drain_seconds))) {
    Say("drain_seconds passed, requests were cut off", Severity::kWarning);
  }
}

int Main(const std::vector<std::string>& args) {
  absl::StatusOr<ServerOptions> options = ParseOptions(args);
  if (!options.ok()) {
    std::cerr << "vidmuse_server: " << options.status().message() << '\n';
    return kBadUsage;
  }
  if (options->help) {
    std::cout << OptionsHelp();
    return 0;
  }
  return ServerMain(*options).Run();
}

}  // namespace
}  // namespace vidmuse

int main(int argc, char** argv) {
  if (vidmuse::PrintVersionIfAsked(argc, argv)) return 0;
  return vidmuse::Main(std::vector<std::string>(argv + 1, argv + argc));
}
