// Routes gRPC's own log lines to the server's log.
#ifndef VIDMUSE_SERVER_GRPC_LOG_H_
#define VIDMUSE_SERVER_GRPC_LOG_H_

#include <memory>

#include "server/log_writer.h"

namespace vidmuse {

// Sends gRPC's own log lines to `log` until the process ends. By default gRPC writes them to
// standard error, and blocks if nobody reads there.
void SendGrpcLogTo(std::shared_ptr<LogWriter> log);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_GRPC_LOG_H_
