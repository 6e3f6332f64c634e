// Liveness from end to end: a device thread that is stuck in a step, seen through the health
// service.
#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/generator/generator_impl.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "server/server.h"
#include "tests/support/fake_model.h"
#include "tests/support/manual_clock.h"
#include "tests/support/notification.h"
#include "tests/unit/server/service_fixture.h"
#include "vidmuse/limits.h"

namespace vidmuse {
namespace {

using ::grpc::health::v1::HealthCheckResponse;

bool WaitForStatus(grpc::health::v1::Health::Stub& stub, const std::string& service,
                   HealthCheckResponse::ServingStatus status) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(service);
  const auto reader = stub.Watch(&context, request);
  HealthCheckResponse response;
  while (reader->Read(&response)) {
    if (response.status() == status) {
      context.TryCancel();
      return true;
    }
  }
  return false;
}

TEST(LivenessTest, AStuckStepIsSeenAndItsEndToo) {
  ManualClock clock;
  Notification in_step, go_on;
  auto model = std::make_unique<FakeModel>();
  model->on_step = [&](absl::Span<StepRequest>) {
    in_step.Notify();
    go_on.WaitFor(absl::Seconds(60));
    return absl::OkStatus();
  };
  PrometheusMetrics metrics;
  metrics.Describe(model->info(), "1");
  auto generator = NewGenerator(std::move(model),
                                ReadingWhole([](absl::string_view, const Limits&, int,
                                                const CancelFlag&) { return FakeFrames(1, 1); }),
                                GeneratorOptions(), &clock, &metrics);
  ASSERT_TRUE(generator.ok()) << generator.status();
  ServerOptions options;
  options.listen = "127.0.0.1:0";
  options.metrics_listen = "";
  std::ostringstream log;
  auto server =
      Server::Start(options, generator->get(), &metrics, std::make_shared<LogWriter>(&log));
  ASSERT_TRUE(server.ok()) << server.status();
  const auto channel = grpc::CreateChannel(absl::StrCat("127.0.0.1:", (*server)->port()),
                                           grpc::InsecureChannelCredentials());
  const auto health = grpc::health::v1::Health::NewStub(channel);
  EXPECT_TRUE(WaitForStatus(*health, "liveness", HealthCheckResponse::SERVING));

  const auto stub = v1::MusicService::NewStub(channel);
  ClientCall call(stub.get(), absl::Minutes(10));  // of the manual clock too
  call.Upload();
  ASSERT_TRUE(in_step.WaitFor(absl::Seconds(20)));
  clock.Advance(absl::Seconds(61));
  EXPECT_TRUE(WaitForStatus(*health, "liveness", HealthCheckResponse::NOT_SERVING));
  EXPECT_TRUE(WaitForStatus(*health, "readiness", HealthCheckResponse::NOT_SERVING));
  go_on.Notify();
  EXPECT_TRUE(WaitForStatus(*health, "liveness", HealthCheckResponse::SERVING));
  EXPECT_TRUE(call.Finish().ok());
}

}  // namespace
}  // namespace vidmuse
