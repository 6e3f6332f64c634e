// A client that cancels, vanishes or is late: the stream goes, whatever stage it is in.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/server/service_fixture.h"

namespace vidmuse {
namespace {

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
  request->Push(GenerationStarted{});
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
  for (int i = 0; i < 200; ++i) {
    ClientCall call(stub_.get());
    call.Send();
    const auto request = generator_.WaitForRequest(i);
    ASSERT_NE(request, nullptr);
    call.Send("video");
    std::thread pusher([&] {
      for (auto& event : Song(3)) request->Push(std::move(event));
      if (i % 2 == 0) request->Push(absl::InternalError("broken"));
    });
    if (i % 3 == 0) call.Complete();
    call.context.TryCancel();
    call.Finish();
    pusher.join();
    ASSERT_TRUE(request->WaitForDestruction());
  }
}

}  // namespace
}  // namespace vidmuse
