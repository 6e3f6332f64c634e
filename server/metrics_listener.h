// Serves the metrics page.
#ifndef VIDMUSE_SERVER_METRICS_LISTENER_H_
#define VIDMUSE_SERVER_METRICS_LISTENER_H_

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace vidmuse {

class MetricsListener {
 public:
  // Serves /metrics on `address` ("host:port"); port 0 picks a free port. Fails with UNAVAILABLE if
  // it cannot listen there.
  static absl::StatusOr<std::unique_ptr<MetricsListener>> Start(
      const std::string& address, std::shared_ptr<prometheus::Collectable> page);
  // Stops serving without delay.
  ~MetricsListener();
  MetricsListener(const MetricsListener&) = delete;
  MetricsListener& operator=(const MetricsListener&) = delete;

  int port() const { return port_; }

 private:
  MetricsListener(std::string host, std::shared_ptr<prometheus::Collectable> page,
                  std::unique_ptr<prometheus::Exposer> exposer);

  const std::string host_;
  const std::shared_ptr<prometheus::Collectable> page_;  // the exposer holds only a weak reference
  std::unique_ptr<prometheus::Exposer> exposer_;
  const int port_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_METRICS_LISTENER_H_
