#include "server/library_log.h"

#include <grpc/support/log.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/library_warnings.h"
#include "server/request_log.h"

namespace vidmuse {
namespace {

// Set before the libraries start, and never freed, because their threads may outlive main.
RequestLog* library_log = nullptr;

void WriteGrpcLine(gpr_log_func_args* line) {
  library_log->Notice(
      "grpc", absl::StrCat(line->file, ":", line->line, " ", line->message),
      line->severity == GPR_LOG_SEVERITY_ERROR ? Severity::kError : Severity::kInfo);
}

void WriteWarning(absl::string_view library, absl::string_view message) {
  library_log->Notice(library, message, Severity::kWarning);
}

}  // namespace

void SendLibraryLogsTo(std::shared_ptr<LogWriter> log) {
  library_log = new RequestLog(std::move(log));
  gpr_set_log_function(WriteGrpcLine);
  SetLibraryWarningHandler(WriteWarning);
}

}  // namespace vidmuse
