// Routes gRPC's own log lines to the server's log.
#ifndef VIDMUSE_SERVER_GRPC_LOG_H_
#define VIDMUSE_SERVER_GRPC_LOG_H_

#include <memory>

#include "server/log_writer.h"

namespace vidmuse {

// gRPC's own lines go to `log` from now on, to the end of the process. By itself it writes them to
// standard error, and waits if nobody reads there.
void SendGrpcLogTo(std::shared_ptr<LogWriter> log);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_GRPC_LOG_H_
