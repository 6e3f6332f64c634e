// Routes what libraries have to say to the program's log.
#ifndef VIDMUSE_TELEMETRY_LIBRARY_LOG_H_
#define VIDMUSE_TELEMETRY_LIBRARY_LOG_H_

#include <memory>

#include "core/base/log_writer.h"

namespace vidmuse {

// Sends gRPC's and Protobuf's own log lines, and the warnings of the libraries that the core uses,
// to `log` as lines of JSON until the process ends. By default they are written to standard error
// as plain text, which blocks if nobody reads there. A client can cause Protobuf's, by a text that
// is not UTF-8.
void SendLibraryLogsTo(std::shared_ptr<LogWriter> log);

}  // namespace vidmuse

#endif  // VIDMUSE_TELEMETRY_LIBRARY_LOG_H_
