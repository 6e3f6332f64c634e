// vidmuse_gateway serves HTTP for a vidmuse service, and shuts down in order on SIGTERM and SIGINT.
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/gateway/gateway.h"
#include "client/gateway/gateway_options.h"
#include "core/base/log_writer.h"
#include "core/base/shutdown_signal.h"
#include "core/base/version.h"
#include "telemetry/library_log.h"
#include "telemetry/log_line.h"

namespace vidmuse {
namespace {

int Main(const std::vector<std::string>& args) {
  ShutdownSignal signal;  // before any other thread starts
  std::signal(SIGPIPE, SIG_IGN);
  bool help = false;
  const absl::StatusOr<GatewayOptions> options = ParseGatewayFlags(args, &help);
  if (!options.ok()) {
    absl::FPrintF(stderr, "vidmuse_gateway: %s\n", std::string(options.status().message()));
    return 2;
  }
  if (help) {
    absl::PrintF("%s", GatewayHelp());
    return 0;
  }
  const auto log = std::make_shared<LogWriter>(PlainStandardError());
  SendLibraryLogsTo(log);
  auto gateway = Gateway::Start(*options, log);
  if (!gateway.ok()) {
    log->Write(NoticeLine("gateway", gateway.status().message(), Severity::kError));
    log->Flush(LogWriter::kFlushTimeout);
    return 1;
  }
  signal.Arm();
  const std::string host = options->listen.substr(0, options->listen.rfind(':'));
  log->Write(NoticeLine("gateway", absl::StrCat("ready on ", host, ":", (*gateway)->port())));
  while (!signal.WaitFor(absl::Hours(1))) {
  }
  (*gateway)->Drain(absl::Seconds(options->drain_seconds));
  gateway->reset();
  return 0;
}

}  // namespace
}  // namespace vidmuse

int main(int argc, char** argv) {
  if (vidmuse::PrintVersionIfAsked(argc, argv)) return 0;
  return vidmuse::Main(std::vector<std::string>(argv + 1, argv + argc));
}
