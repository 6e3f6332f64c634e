#include "client/gateway/gateway_metrics.h"

#include <prometheus/text_serializer.h>

namespace vidmuse {
namespace {

prometheus::Histogram::BucketBoundaries Seconds() {
  return {0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800};
}

}  // namespace

GatewayMetrics::GatewayMetrics()
    : requests_(prometheus::BuildCounter()
                    .Name("vidmuse_gateway_requests_total")
                    .Help("Answered requests, by route and HTTP code.")
                    .Register(registry_)),
      running_(prometheus::BuildGauge()
                   .Name("vidmuse_gateway_requests_running")
                   .Help("Requests that are being answered.")
                   .Register(registry_)
                   .Add({})),
      received_(prometheus::BuildCounter()
                    .Name("vidmuse_gateway_received_bytes_total")
                    .Help("Bytes of videos that were received.")
                    .Register(registry_)
                    .Add({})),
      sent_(prometheus::BuildCounter()
                .Name("vidmuse_gateway_sent_bytes_total")
                .Help("Bytes of music that were sent.")
                .Register(registry_)
                .Add({})),
      seconds_(prometheus::BuildHistogram()
                   .Name("vidmuse_gateway_song_seconds")
                   .Help("Time from a song's request to its last byte.")
                   .Register(registry_)
                   .Add({}, Seconds())),
      first_byte_seconds_(prometheus::BuildHistogram()
                              .Name("vidmuse_gateway_time_to_first_byte_seconds")
                              .Help("Time from a song's request to its first byte.")
                              .Register(registry_)
                              .Add({}, Seconds())) {}

void GatewayMetrics::OnEnd(const std::string& route, int code, absl::Duration took,
                           absl::Duration first_byte, uint64_t received_bytes,
                           uint64_t sent_bytes) {
  running_.Decrement();
  requests_.Add({{"route", route}, {"code", std::to_string(code)}}).Increment();
  received_.Increment(static_cast<double>(received_bytes));
  sent_.Increment(static_cast<double>(sent_bytes));
  if (first_byte == absl::InfiniteDuration()) return;
  seconds_.Observe(absl::ToDoubleSeconds(took));
  first_byte_seconds_.Observe(absl::ToDoubleSeconds(first_byte));
}

std::string GatewayMetrics::Text() const {
  return prometheus::TextSerializer().Serialize(registry_.Collect());
}

}  // namespace vidmuse
