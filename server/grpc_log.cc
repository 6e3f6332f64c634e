#include "server/grpc_log.h"

#include <grpc/support/log.h>

#include <string>
#include <utility>

#include "server/request_log.h"

namespace vidmuse {
namespace {

RequestLog* grpc_log =
    nullptr;  // set before gRPC runs, never freed: gRPC's threads may outlive main

void Write(gpr_log_func_args* line) {
  grpc_log->Notice("grpc", std::string(gpr_log_severity_string(line->severity)) + " " + line->file +
                               ":" + std::to_string(line->line) + " " + line->message);
}

}  // namespace

void SendGrpcLogTo(std::shared_ptr<LogWriter> log) {
  grpc_log = new RequestLog(std::move(log));
  gpr_set_log_function(Write);
}

}  // namespace vidmuse
