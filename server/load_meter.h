// How loaded the server is, for balancers that weigh servers by it.
#ifndef VIDMUSE_SERVER_LOAD_METER_H_
#define VIDMUSE_SERVER_LOAD_METER_H_

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "server/metrics.h"
#include "xds/data/orca/v3/orca_load_report.pb.h"

namespace vidmuse {

// The trailing metadata with the load at a call's end, by gRPC's design A51.
inline constexpr char kLoadReportKey[] = "endpoint-load-metrics-bin";

// Makes ORCA load reports of what the core measures. Over several devices, places and memory are
// taken together, and the wait is that for the device which is free first. Thread-safe.
class LoadMeter {
 public:
  // `max_batch` is a device's. Both pointers must outlive the meter.
  LoadMeter(const PrometheusMetrics* metrics, int max_batch, const Clock* clock);

  // A call that asked for music has ended.
  void OnCallEnd(absl::StatusCode code) ABSL_LOCKS_EXCLUDED(mutex_);

  // utilization["batch"]         running requests by places in the batch, 1 at most
  // utilization["kv_cache"]      share of the KV cache's memory in use
  // named_metrics["queue_delay_seconds"]  wait that a new request would have
  // application_utilization      the larger of the two shares, and 1 more for each 10 s of wait
  // rps_fractional, eps          calls, and those that failed by the server's fault, a second:
  //                              averages that forget what is a minute old
  xds::data::orca::v3::OrcaLoadReport Report() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Events a second, of which older ones weigh less and less.
  class Rate {
   public:
    void Add(absl::Duration now);
    double At(absl::Duration now) const;

   private:
    double events_ = 0;  // weighed, at `last_`
    absl::Duration last_;
  };

  const PrometheusMetrics* const metrics_;
  const int max_batch_;
  const Clock* const clock_;
  mutable Mutex mutex_;
  Rate calls_ ABSL_GUARDED_BY(mutex_);
  Rate errors_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_LOAD_METER_H_
