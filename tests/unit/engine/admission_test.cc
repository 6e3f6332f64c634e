// What a refusal depends on, and what an admission doesn't.
#include "core/generator/admission.h"

#include <gtest/gtest.h>

#include <utility>

#include "vidmuse/limits.h"
#include "vidmuse/request.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

TEST(Admission, TheLoadIsMeasuredOnlyIfTheAnswerDependsOnIt) {
  Limits limits;
  limits.max_queued_requests = 1;
  // One place, taken for 10 s.
  SchedulerLoad load;
  load.max_batch = 1;
  load.max_kv_bytes = 1;
  load.running = {{.frames = 500}};
  load.speed.Observe(load.now, 0.02, 1);
  NullMetricsSink metrics;
  int measured = 0;
  Admission admission(limits, &metrics, [&] {
    ++measured;
    return load;
  });
  GenerationRequest request;
  {
    const auto admitted = admission.Enter(request, 0, MemoryUse::kUpload);
    EXPECT_TRUE(admitted.ok()) << admitted.status();
    EXPECT_EQ(measured, 0) << "it has no deadline";
  }
  const absl::Status full = admission.Enter(request, 0, MemoryUse::kUpload).status();
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_EQ(RetryAfter(full), absl::Seconds(10));
  EXPECT_EQ(measured, 1);
  admission.Leave(RequestPhase::kWaiting);

  request.time_limit = absl::Seconds(10.9);
  const absl::Status late = admission.Enter(request, 0, MemoryUse::kUpload).status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(late)) << late;
  EXPECT_EQ(RetryAfter(late), absl::Seconds(10));
  EXPECT_EQ(measured, 2);
  request.time_limit = absl::Seconds(11.1);
  const auto admitted = admission.Enter(request, 0, MemoryUse::kUpload);
  EXPECT_TRUE(admitted.ok()) << admitted.status();
  EXPECT_EQ(measured, 3);
}

}  // namespace
}  // namespace vidmuse
