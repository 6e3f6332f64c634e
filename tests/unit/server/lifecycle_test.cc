// Health, drain, reflection, and the addresses that the server listens on.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/support/http_get.h"
#include "tests/support/sanitized.h"
#include "tests/unit/server/service_fixture.h"

namespace vidmuse {
namespace {

using ::grpc::health::v1::HealthCheckResponse;
using ::testing::HasSubstr;

class LifecycleTest : public ServiceFixture {
 protected:
  void StartServer() {
    ServiceFixture::StartServer();
    health_ = grpc::health::v1::Health::NewStub(NewChannel());
  }

  // Does `use` with the answers of a Watch until it returns true; false if the stream ended first.
  template <typename Use>
  bool Watch(const std::string& service, Use use) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    const auto reader = health_->Watch(&context, request);
    HealthCheckResponse response;
    while (reader->Read(&response)) {
      if (use(response.status())) {
        context.TryCancel();
        return true;
      }
    }
    return false;
  }

  // Waits for a status; what a status is at once is one of these with nothing to wait for.
  bool WaitForStatus(const std::string& service, HealthCheckResponse::ServingStatus status) {
    return Watch(service, [&](auto seen) { return seen == status; });
  }

  std::unique_ptr<grpc::health::v1::Health::Stub> health_;
};

TEST_F(LifecycleTest, EveryNameServes) {
  StartServer();
  for (const char* name : {"", "liveness", "readiness", "vidmuse.v1.MusicService"}) {
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(name);
    HealthCheckResponse response;
    ASSERT_TRUE(health_->Check(&context, request, &response).ok()) << name;
    EXPECT_EQ(response.status(), HealthCheckResponse::SERVING) << name;
  }
  grpc::ClientContext context;
  grpc::health::v1::HealthCheckRequest request;
  request.set_service("other");
  HealthCheckResponse response;
  EXPECT_EQ(health_->Check(&context, request, &response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(LifecycleTest, HealthListsItsServices) {
  StartServer();
  generator_.SetHealth(absl::UnavailableError("stuck"));
  // They change one after the other.
  for (const char* name : {"", "liveness", "readiness", "vidmuse.v1.MusicService"}) {
    ASSERT_TRUE(WaitForStatus(name, HealthCheckResponse::NOT_SERVING)) << name;
  }
  grpc::ClientContext context;
  grpc::health::v1::HealthListResponse response;
  ASSERT_TRUE(health_->List(&context, {}, &response).ok());
  EXPECT_EQ(response.statuses_size(), 4);
  for (const auto& [name, answer] : response.statuses()) {
    EXPECT_EQ(answer.status(), HealthCheckResponse::NOT_SERVING) << name;
  }
}

TEST_F(LifecycleTest, AWatchOfAnUnknownServiceGoesOnAndALongNameIsRefused) {
  StartServer();
  EXPECT_TRUE(WaitForStatus("other", HealthCheckResponse::SERVICE_UNKNOWN));
  grpc::ClientContext context;
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(std::string(1000, 'x'));
  const auto reader = health_->Watch(&context, request);
  HealthCheckResponse response;
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

// Each is cancelled just when the server has been told that its first status was sent.
TEST_F(LifecycleTest, WatchesMayBeCancelledWhileTheyAreTold) {
  StartServer();
  const auto watch_and_cancel = [this] {
    for (int i = 0; i < 200; ++i) {
      grpc::ClientContext context;
      const auto reader = health_->Watch(&context, {});
      HealthCheckResponse response;
      EXPECT_TRUE(reader->Read(&response));
      context.TryCancel();
      EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
    }
  };
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) clients.emplace_back(watch_and_cancel);
  for (std::thread& client : clients) client.join();
  EXPECT_TRUE(WaitForStatus("", HealthCheckResponse::SERVING));
}

TEST_F(LifecycleTest, HealthFollowsTheGenerator) {
  StartServer();
  bool sick = false;
  EXPECT_TRUE(Watch("liveness", [&](auto status) {
    if (status == HealthCheckResponse::SERVING && !sick) {
      generator_.SetHealth(absl::UnavailableError("stuck"));
      sick = true;
    }
    return status == HealthCheckResponse::NOT_SERVING;
  }));
  EXPECT_TRUE(WaitForStatus("readiness", HealthCheckResponse::NOT_SERVING));
  EXPECT_TRUE(WaitForStatus("", HealthCheckResponse::NOT_SERVING));
  generator_.SetHealth(absl::OkStatus());
  EXPECT_TRUE(WaitForStatus("liveness", HealthCheckResponse::SERVING));
  EXPECT_TRUE(WaitForStatus("readiness", HealthCheckResponse::SERVING));
}

TEST_F(LifecycleTest, DrainLetsRunningCallsEndAndRefusesNewOnes) {
  StartServer();
  ClientCall running(stub_.get());
  running.Upload();
  const auto request = generator_.WaitForRequest(0);
  ASSERT_NE(request, nullptr);
  ASSERT_TRUE(request->WaitForFinishedVideo());
  bool clean = false;
  std::thread drain([&] { clean = server_->Drain(absl::Seconds(20)); });
  EXPECT_TRUE(generator_.WaitForDrain());
  ClientCall refused(stub_.get());
  refused.Send();
  EXPECT_EQ(refused.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(refused.TrailingMetadata("grpc-retry-pushback-ms"), "");

  for (auto& event : Song(10)) request->Push(std::move(event));
  EXPECT_TRUE(running.Finish().ok());
  drain.join();
  EXPECT_TRUE(clean);
}

TEST_F(LifecycleTest, HealthWatchersHearOfADrain) {
  StartServer();
  ClientCall running(stub_.get());
  running.Send();
  ASSERT_NE(generator_.WaitForRequest(0), nullptr);
  std::thread drain;
  EXPECT_TRUE(Watch("readiness", [&](auto status) {
    if (status == HealthCheckResponse::SERVING && !drain.joinable()) {
      drain = std::thread([&] { server_->Drain(absl::Seconds(1)); });
    }
    return status == HealthCheckResponse::NOT_SERVING;
  }));
  drain.join();
}

// A channel with two servers' addresses, which stays with the first as long as that takes calls.
TEST_F(LifecycleTest, ADrainSendsClientsElsewhereAtOnce) {
  StartServer();
  FakeGenerator other_generator;
  other_generator.SetScript(Song(1));
  auto other = Server::Start(options_, &other_generator, &metrics_, log_writer_);
  ASSERT_TRUE(other.ok()) << other.status();
  const auto channel = grpc::CreateChannel(
      absl::StrCat("ipv4:127.0.0.1:", server_->port(), ",127.0.0.1:", (*other)->port()),
      grpc::InsecureChannelCredentials());
  const auto stub = v1::MusicService::NewStub(channel);
  ClientCall running(stub.get());
  running.Upload();
  const auto request = generator_.WaitForRequest(0);
  ASSERT_NE(request, nullptr);
  ASSERT_TRUE(request->WaitForFinishedVideo());
  ASSERT_EQ(channel->GetState(false), GRPC_CHANNEL_READY);

  bool clean = false;
  std::thread drain([&] { clean = server_->Drain(absl::Seconds(60)); });
  // The channel learns of it by itself, while the running call keeps its connection.
  EXPECT_TRUE(channel->WaitForStateChange(GRPC_CHANNEL_READY,
                                          absl::ToChronoTime(absl::Now() + absl::Seconds(20))));
  ClientCall next(stub.get());
  next.Upload();
  const grpc::Status status = next.Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(other_generator.submissions(), 1);
  EXPECT_EQ(generator_.submissions(), 1);

  for (auto& event : Song(10)) request->Push(std::move(event));
  const grpc::Status ended = running.Finish();
  EXPECT_TRUE(ended.ok()) << ended.error_message();
  drain.join();
  EXPECT_TRUE(clean);
}

// Calls that cross the news of the drain end with a status that says to try again.
TEST_F(LifecycleTest, CallsThatMeetTheStartOfADrainAreUnavailable) {
  StartServer();
  generator_.SetScript(Song(1));
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([this] {
      grpc::Status status;
      while (status.ok()) {
        ClientCall call(stub_.get());
        call.Upload();
        status = call.Finish();
      }
      EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
    });
  }
  ASSERT_NE(generator_.WaitForRequest(20), nullptr);
  EXPECT_TRUE(server_->Drain(absl::Seconds(20)));
  for (std::thread& caller : callers) caller.join();
}

TEST_F(LifecycleTest, DrainClosesThePort) {
  StartServer();
  ClientCall running(stub_.get());
  running.Send();
  ASSERT_NE(generator_.WaitForRequest(0), nullptr);
  const int port = server_->port();
  std::thread drain([&] { server_->Drain(absl::Seconds(3)); });
  ASSERT_TRUE(generator_.WaitForDrain());
  // Another server may have it while this one drains.
  options_.listen = absl::StrCat("127.0.0.1:", port);
  FakeGenerator other_generator;
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  auto other = Server::Start(options_, &other_generator, &metrics_, log_writer_);
  while (!other.ok() && absl::Now() < deadline) {
    other = Server::Start(options_, &other_generator, &metrics_, log_writer_);
  }
  EXPECT_TRUE(other.ok()) << other.status();
  drain.join();
}

TEST_F(LifecycleTest, DrainCutsOffWhatDoesNotEnd) {
  StartServer();
  ClientCall running(stub_.get());
  running.Send();
  const auto request = generator_.WaitForRequest(0);
  ASSERT_NE(request, nullptr);
  EXPECT_FALSE(server_->Drain(absl::Milliseconds(200)));
  EXPECT_TRUE(request->destroyed());
  EXPECT_EQ(request->cancelled().code(), absl::StatusCode::kUnavailable);
  const grpc::Status status = running.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("shutting down"));
}

TEST_F(LifecycleTest, DrainDoesNotWaitForHealthWatchers) {
  StartServer();
  grpc::ClientContext context;
  const auto reader = health_->Watch(&context, {});
  HealthCheckResponse response;
  ASSERT_TRUE(reader->Read(&response));
  const absl::Time before = absl::Now();
  EXPECT_TRUE(server_->Drain(absl::Seconds(60)));
  EXPECT_LT(absl::Now() - before, absl::Seconds(30));
}

// Distinct values of "client" in the log.
std::set<std::string> Clients(const std::string& log) {
  std::set<std::string> clients;
  for (absl::string_view line : absl::StrSplit(log, '\n', absl::SkipEmpty())) {
    clients.insert(nlohmann::json::parse(line)["client"]);
  }
  return clients;
}

TEST_F(LifecycleTest, OldConnectionsTakeNoNewCallsAndEndWithTheirs) {
  options_.max_connection_age_seconds = 0.2;
  StartServer();
  ClientCall running(stub_.get());
  running.Upload();
  const auto request = generator_.WaitForRequest(0);
  ASSERT_NE(request, nullptr);
  generator_.SetScript(Song(1));
  const absl::Time until = absl::Now() + absl::Seconds(1);
  while (absl::Now() < until) {
    ClientCall call(stub_.get());
    call.Upload();
    const grpc::Status status = call.Finish();
    // gRPC itself repeats a call that meets the end of its connection, but once. On a machine so
    // slow that it meets another, the client is told.
    if (status.error_message() == "GOAWAY received") {
      EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
      continue;
    }
    EXPECT_TRUE(status.ok()) << status.error_code() << ": " << status.error_message();
  }
  ASSERT_TRUE(request->WaitForFinishedVideo());
  for (auto& event : Song(2)) request->Push(std::move(event));
  EXPECT_TRUE(running.Finish().ok());
  server_ = nullptr;
  EXPECT_GE(Clients(Log()).size(), 2u);
}

TEST_F(LifecycleTest, ReflectionIsThere) {
  StartServer();
  grpc::GenericStub stub(NewChannel());
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
  grpc::CompletionQueue queue;
  // ServerReflectionRequest{list_services: ""}, by hand: its .proto is not installed.
  const grpc::Slice slice(std::string("\x3a\x00", 2));
  const grpc::ByteBuffer request(&slice, 1);
  const auto call = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  void* tag = nullptr;
  bool ok = false;
  call->StartCall(nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
  call->Write(request, nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
  grpc::ByteBuffer response;
  call->Read(&response, nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
  std::vector<grpc::Slice> slices;
  ASSERT_TRUE(response.Dump(&slices).ok());
  std::string text;
  for (const grpc::Slice& part : slices) {
    text.append(reinterpret_cast<const char*>(part.begin()), part.size());
  }
  EXPECT_THAT(text, HasSubstr("vidmuse.v1.MusicService"));
  context.TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  queue.Next(&tag, &ok);
  queue.Shutdown();
  EXPECT_FALSE(queue.Next(&tag, &ok));
}

TEST_F(LifecycleTest, MetricsPage) {
  options_.metrics_listen = "127.0.0.1:0";
  StartServer();
  ASSERT_NE(server_->metrics_port(), 0);
  const auto page = HttpGet(server_->metrics_port(), "/metrics");
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_THAT(*page, HasSubstr("200 OK"));
  EXPECT_THAT(*page, HasSubstr("vidmuse_build_info{"));
}

// Its library's thread looks only every two seconds whether it is to stop, unless it is woken.
TEST_F(LifecycleTest, TheMetricsListenerStopsAtOnceOnIpv6Too) {
  for (const std::string& address : {std::string("127.0.0.1:0"), std::string("[::1]:0")}) {
    options_.metrics_listen = address;
    const auto server = Server::Start(options_, &generator_, &metrics_, log_writer_);
    if (address[0] == '[' && !server.ok()) {
      GTEST_SKIP() << "no IPv6 here, or none in this CivetWeb: " << server.status();
    }
    ASSERT_TRUE(server.ok()) << server.status();
    const absl::Time before = absl::Now();
    EXPECT_TRUE((*server)->Drain(absl::Seconds(60)));
    EXPECT_LT(absl::Now() - before, kPatience * absl::Seconds(1)) << address;
  }
}

TEST_F(LifecycleTest, BusyAddressesAreNamed) {
  options_.metrics_listen = "127.0.0.1:0";
  StartServer();
  ServerOptions same_calls = options_;
  same_calls.listen = absl::StrCat("127.0.0.1:", server_->port());
  auto second = Server::Start(same_calls, &generator_, &metrics_, log_writer_);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("--listen: cannot listen on " + same_calls.listen));
  ServerOptions same_metrics = options_;
  same_metrics.metrics_listen = absl::StrCat("127.0.0.1:", server_->metrics_port());
  second = Server::Start(same_metrics, &generator_, &metrics_, log_writer_);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("--metrics_listen: cannot listen on " + same_metrics.metrics_listen));
}

}  // namespace
}  // namespace vidmuse
