#include "telemetry/library_log.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/library_warnings.h"
#include "telemetry/log_line.h"

namespace vidmuse {
namespace {

// Set before the libraries start, and never freed, because their threads may outlive main.
std::shared_ptr<LogWriter>* library_log = nullptr;

void Write(absl::string_view library, absl::string_view message, Severity severity) {
  (*library_log)->Write(NoticeLine(library, message, severity));
}

void WriteGrpcLine(gpr_log_func_args* line) {
  Write("grpc", absl::StrCat(line->file, ":", line->line, " ", line->message),
        line->severity == GPR_LOG_SEVERITY_ERROR ? Severity::kError : Severity::kInfo);
}

void WriteProtobufLine(google::protobuf::LogLevel level, const char* file, int line,
                       const std::string& message) {
  Write("protobuf", absl::StrCat(file, ":", line, " ", message),
        level == google::protobuf::LOGLEVEL_INFO      ? Severity::kInfo
        : level == google::protobuf::LOGLEVEL_WARNING ? Severity::kWarning
                                                      : Severity::kError);
}

void WriteWarning(absl::string_view library, absl::string_view message) {
  Write(library, message, Severity::kWarning);
}

}  // namespace

void SendLibraryLogsTo(std::shared_ptr<LogWriter> log) {
  library_log = new std::shared_ptr<LogWriter>(std::move(log));
  gpr_set_log_function(WriteGrpcLine);
  google::protobuf::SetLogHandler(WriteProtobufLine);
  SetLibraryWarningHandler(WriteWarning);
}

}  // namespace vidmuse
