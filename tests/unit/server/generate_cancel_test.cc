// A client that cancels, vanishes or is late: the stream goes, whatever stage it is in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_split.h"
#include "tests/unit/server/service_fixture.h"
#include "vidmuse/events.h"

namespace vidmuse {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

class GenerateCancelTest : public ServiceFixture {
 protected:
  void ExpectCancelled(ClientCall& call, const FakeRequest& request) {
    call.context.TryCancel();
    EXPECT_EQ(call.Finish().error_code(), grpc::StatusCode::CANCELLED);
    EXPECT_TRUE(request.WaitForDestruction());
    EXPECT_EQ(request.cancelled().code(), absl::StatusCode::kCancelled);
  }

  std::shared_ptr<FakeRequest> Admit(ClientCall& call) {
    call.Send();
    call.stream->WaitForInitialMetadata();
    auto request = generator_.WaitForRequest(0);
    EXPECT_NE(request, nullptr);
    return request;
  }
};

TEST_F(GenerateCancelTest, BeforeTheConfig) {
  StartServer();
  {
    ClientCall call(stub_.get());
    call.context.TryCancel();
    EXPECT_EQ(call.Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  server_.reset();
  EXPECT_EQ(generator_.submissions(), 0);
}

TEST_F(GenerateCancelTest, AfterAdmission) {
  StartServer();
  ClientCall call(stub_.get());
  const auto request = Admit(call);
  ExpectCancelled(call, *request);
}

TEST_F(GenerateCancelTest, DuringTheUpload) {
  StartServer();
  ClientCall call(stub_.get());
  const auto request = Admit(call);
  call.Send("video");
  ASSERT_TRUE(request->WaitForVideo(5));
  ExpectCancelled(call, *request);
  EXPECT_FALSE(request->finished_video());
}

TEST_F(GenerateCancelTest, WhileWaiting) {
  StartServer();
  ClientCall call(stub_.get());
  const auto request = Admit(call);
  call.Send("video");
  call.Complete();
  ASSERT_TRUE(request->WaitForFinishedVideo());
  ExpectCancelled(call, *request);
}

TEST_F(GenerateCancelTest, BetweenEvents) {
  StartServer();
  ClientCall call(stub_.get());
  const auto request = Admit(call);
  call.Send("video");
  call.Complete();
  request->Push(Song(1, 1).front());
  ASSERT_TRUE(call.Receive().has_value());
  ExpectCancelled(call, *request);
}

TEST_F(GenerateCancelTest, WhileAWriteIsHeldBack) {
  StartServer();
  generator_.SetScript(Song(100, 1 << 20));
  ClientCall call(stub_.get());
  const auto request = Admit(call);
  call.Send("video");
  call.Complete();
  ASSERT_TRUE(request->WaitForReads(2));
  ExpectCancelled(call, *request);
}

TEST_F(GenerateCancelTest, ClientThatVanishes) {
  StartServer();
  std::shared_ptr<FakeRequest> request;
  {
    ClientCall call(stub_.get());
    request = Admit(call);
    call.Send("video");
    ASSERT_TRUE(request->WaitForVideo(5));
  }  // the destructor of a client's call cancels it
  EXPECT_TRUE(request->WaitForDestruction());
}

TEST_F(GenerateCancelTest, DeadlineThatPasses) {
  StartServer();
  ClientCall call(stub_.get(), absl::Milliseconds(300));
  const auto request = Admit(call);
  EXPECT_EQ(call.Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(request->WaitForDestruction());
  EXPECT_EQ(request->cancelled().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(GenerateCancelTest, ServerThatStops) {
  StartServer();
  ClientCall call(stub_.get());
  const auto request = Admit(call);
  server_.reset();
  EXPECT_TRUE(request->destroyed());
  EXPECT_FALSE(call.Finish().ok());
}

TEST_F(GenerateCancelTest, EndRacesWithCancellation) {
  StartServer();
  std::vector<grpc::StatusCode> seen;  // by the clients
  for (int i = 0; i < 200; ++i) {
    ClientCall call(stub_.get());
    call.Send();
    const auto request = generator_.WaitForRequest(i);
    ASSERT_NE(request, nullptr);
    call.Send("video");
    std::thread pusher([&] {
      auto events = Song(3);
      if (i % 2 == 0) events.back() = absl::InternalError("broken");
      for (auto& event : events) request->Push(std::move(event));
    });
    if (i % 3 == 0) call.Complete();
    call.context.TryCancel();
    const auto code = call.Finish().error_code();
    // What the client sees is either's; a song that is cut off is not OK.
    EXPECT_TRUE(code == grpc::StatusCode::OK || code == grpc::StatusCode::CANCELLED ||
                (i % 2 == 0 && code == grpc::StatusCode::INTERNAL))
        << i << ": " << code;
    seen.push_back(code);
    pusher.join();
    ASSERT_TRUE(request->WaitForDestruction());
  }
  server_ = nullptr;
  // Each ended once: one line, with the id that the generator was given.
  std::map<std::string, std::string> statuses;
  for (absl::string_view line : absl::StrSplit(Log(), '\n', absl::SkipEmpty())) {
    const nlohmann::json json = nlohmann::json::parse(line);
    ASSERT_EQ(json.at("event"), "request") << line;
    const bool first = statuses.emplace(json.at("request_id"), json.at("status")).second;
    EXPECT_TRUE(first) << line;
  }
  ASSERT_EQ(statuses.size(), 200u);
  for (int i = 0; i < 200; ++i) {
    const auto request = generator_.WaitForRequest(i);
    const std::string& logged = statuses.at(request->request().request_id);
    // The stream is cancelled with what is logged, unless it was dropped before it was used, or had
    // ended by itself.
    const absl::Status cancelled = request->cancelled();
    if (cancelled.ok()) {
      EXPECT_THAT(logged, AnyOf("CANCELLED", i % 2 == 0 ? "INTERNAL" : "OK")) << i;
    } else {
      EXPECT_EQ(logged, absl::StatusCodeToString(cancelled.code())) << i;
    }
    // Who has the whole song is logged so.
    if (seen[i] == grpc::StatusCode::OK) {
      EXPECT_EQ(logged, "OK") << i;
    }
  }
  // The generator counts what it was given: this server counts none of them again.
  EXPECT_THAT(MetricsText(), Not(HasSubstr("vidmuse_requests_total{")));
}

}  // namespace
}  // namespace vidmuse
