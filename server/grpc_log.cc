#include "server/grpc_log.h"

#include <grpc/support/log.h>

#include <string>
#include <utility>

#include "server/request_log.h"

namespace vidmuse {
namespace {

// Set before gRPC starts, and never freed, because gRPC's threads may outlive main.
RequestLog* grpc_log = nullptr;

void Write(gpr_log_func_args* line) {
  const Severity severity =
      line->severity == GPR_LOG_SEVERITY_ERROR ? Severity::kError : Severity::kInfo;
  grpc_log->Notice("grpc",
                   std::string(line->file) + ":" + std::to_string(line->line) + " " + line->message,
                   severity);
}

}  // namespace

void SendGrpcLogTo(std::shared_ptr<LogWriter> log) {
  grpc_log = new RequestLog(std::move(log));
  gpr_set_log_function(Write);
}

}  // namespace vidmuse
