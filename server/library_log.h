// Routes what libraries have to say to the server's log.
#ifndef VIDMUSE_SERVER_LIBRARY_LOG_H_
#define VIDMUSE_SERVER_LIBRARY_LOG_H_

#include <memory>

#include "core/base/log_writer.h"

namespace vidmuse {

// Sends gRPC's own log lines, and the warnings of the libraries that the core uses, to `log` until
// the process ends. By default they are written to standard error, which blocks if nobody reads
// there.
void SendLibraryLogsTo(std::shared_ptr<LogWriter> log);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_LIBRARY_LOG_H_
