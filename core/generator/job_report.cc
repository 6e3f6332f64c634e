// What a job reports to the metrics at its end.
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/generator/job.h"

namespace vidmuse {

void Job::ReportEnd(const absl::Status& status) {
  if (std::exchange(reported_, true)) return;
  MetricsSink& metrics = *context_->metrics;
  metrics.Add(Counter::kRequests, 1,
              absl::StrCat(absl::StatusCodeToString(status.code()), "/",
                           status.ok() ? "" : NameOf(ended_in_)));
  metrics.Observe(Histogram::kRequestSeconds, absl::ToDoubleSeconds(Now() - submitted_));
  metrics.Observe(Histogram::kQueueSeconds, seconds_.queue);
  if (status.ok()) return ReportSuccess();
  // After UNAVAILABLE, the client can resume on another server with the tokens made here.
  const char* cause = absl::IsCancelled(status)          ? "cancelled"
                      : absl::IsDeadlineExceeded(status) ? "deadline"
                      : absl::IsUnavailable(status)      ? "handed_over"
                                                         : "error";
  const int64_t made =
      (frames_made_ - given_frames_) * context_->model->info().codebooks * request_.variants;
  metrics.Add(Counter::kWastedTokens, static_cast<double>(made), cause);
}

void Job::ReportSuccess() {
  MetricsSink& metrics = *context_->metrics;
  metrics.Observe(Histogram::kStageSeconds, seconds_.upload, "upload");
  metrics.Observe(Histogram::kStageSeconds, seconds_.decode, "decode");
  metrics.Observe(Histogram::kStageSeconds, seconds_.encode, "encode");
  metrics.Observe(Histogram::kStageSeconds, seconds_.prefill, "prefill");
  metrics.Observe(Histogram::kStageSeconds, seconds_.generate, "generate");
  metrics.Observe(Histogram::kStageSeconds, seconds_.codec, "codec");
  const double made_seconds = static_cast<double>(frames_made_ - given_frames_) / kFrameRate;
  const double seconds = seconds_.prefill + seconds_.generate;
  if (made_seconds > 0 && seconds > 0) {
    metrics.Observe(Histogram::kRealtimeFactor, made_seconds / seconds);
  }
}

}  // namespace vidmuse
