// HTTP for a vidmuse service.
#ifndef VIDMUSE_CLIENT_GATEWAY_GATEWAY_H_
#define VIDMUSE_CLIENT_GATEWAY_GATEWAY_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/gateway/gateway_options.h"
#include "core/base/log_writer.h"

namespace vidmuse {

// Answers HTTP requests until it is destroyed. Each connection has a thread of its own, so a slow
// client holds up only itself. Thread-safe.
class Gateway {
 public:
  // Listens. INVALID_ARGUMENT: an option. UNAVAILABLE: the address can't be
  // listened on.
  static absl::StatusOr<std::unique_ptr<Gateway>> Start(const GatewayOptions& options,
                                                        std::shared_ptr<LogWriter> log);
  virtual ~Gateway() = default;

  virtual int port() const = 0;
  // Takes no more connections, and waits for the requests that run.
  virtual void Drain(absl::Duration timeout) = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_GATEWAY_GATEWAY_H_
