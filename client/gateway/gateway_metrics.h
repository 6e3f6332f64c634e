// What a gateway counts.
#ifndef VIDMUSE_CLIENT_GATEWAY_GATEWAY_METRICS_H_
#define VIDMUSE_CLIENT_GATEWAY_GATEWAY_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace vidmuse {

// Thread-safe.
class GatewayMetrics {
 public:
  GatewayMetrics();

  void OnBegin() { running_.Increment(); }
  // `route`: one of a few. `first_byte`: infinite if nothing was sent.
  void OnEnd(const std::string& route, int code, absl::Duration took, absl::Duration first_byte,
             uint64_t received_bytes, uint64_t sent_bytes);
  // In Prometheus' text format.
  std::string Text() const;

 private:
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& requests_;
  prometheus::Gauge& running_;
  prometheus::Counter& received_;
  prometheus::Counter& sent_;
  prometheus::Histogram& seconds_;
  prometheus::Histogram& first_byte_seconds_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_GATEWAY_GATEWAY_METRICS_H_
