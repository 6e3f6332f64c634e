// What a refusal depends on, and what an admission doesn't.
#include "core/generator/admission.h"

#include <gtest/gtest.h>

#include <optional>
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

// Whatever one key does, another finds half of the memory.
TEST(Admission, AKeyMayHoldHalfOfTheBytes) {
  Limits limits;
  limits.max_queued_bytes = 1000;
  NullMetricsSink metrics;
  Admission admission(limits, &metrics, [] { return SchedulerLoad(); });
  GenerationRequest greedy, other, nobody;
  greedy.client_key = "greedy";
  other.client_key = "other";
  auto first = admission.Enter(greedy, 300, MemoryUse::kUpload);
  auto second = admission.Enter(greedy, 100, MemoryUse::kUpload);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_TRUE(second->Resize(200, MemoryUse::kUpload).ok());
  const absl::Status full = second->Resize(201, MemoryUse::kUpload);
  EXPECT_EQ(full, WithRetryAfter(absl::ResourceExhaustedError(
                                     "no memory for 201 bytes, most of them for the upload: 300 "
                                     "are held for others with this API key, half of "
                                     "max_queued_bytes is 500"),
                                 absl::Seconds(5)));
  EXPECT_TRUE(absl::IsResourceExhausted(admission.Enter(greedy, 1, MemoryUse::kUpload).status()));
  // More than its share even alone: it isn't told to come back.
  EXPECT_EQ(RetryAfter(first->Resize(501, MemoryUse::kUpload)), std::nullopt);

  auto others = admission.Enter(other, 500, MemoryUse::kUpload);
  EXPECT_TRUE(others.ok()) << others.status();
  EXPECT_TRUE(absl::IsResourceExhausted(admission.Enter(nobody, 1, MemoryUse::kUpload).status()));
  // What is given back is the key's again, in whatever parts.
  const Reservation part = first->Split(100);
  first->Release();
  EXPECT_TRUE(second->Resize(400, MemoryUse::kUpload).ok());
  EXPECT_FALSE(second->Resize(401, MemoryUse::kUpload).ok());
  others->Release();
  // Without keys, a request may hold all that is left.
  EXPECT_TRUE(admission.Enter(nobody, 500, MemoryUse::kUpload).ok());
}

}  // namespace
}  // namespace vidmuse
