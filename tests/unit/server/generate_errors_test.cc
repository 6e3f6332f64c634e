// Calls that fail: broken protocol, refusals, errors of the generator, clients that are too slow.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "tests/support/notification.h"
#include "tests/unit/server/service_fixture.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

using ::grpc::StatusCode;
using ::testing::HasSubstr;

class GenerateErrorsTest : public ServiceFixture {
 protected:
  void ExpectEnd(ClientCall& call, StatusCode code, const std::string& part) {
    const grpc::Status status = call.Finish();
    EXPECT_EQ(status.error_code(), code);
    EXPECT_THAT(status.error_message(), HasSubstr(part));
  }

  // For a call of which nobody knows when it has reached the server: turns the clock till it ends.
  void ExpectEndInTime(ClientCall& call, const std::string& part) {
    Notification ended;
    std::thread reader([&] {
      ExpectEnd(call, StatusCode::DEADLINE_EXCEEDED, part);
      ended.Notify();
    });
    while (!ended.WaitFor(absl::Milliseconds(20))) clock_.Advance(absl::Seconds(1));
    reader.join();
  }
};

TEST_F(GenerateErrorsTest, ChunkBeforeConfig) {
  StartServer();
  ClientCall call(stub_.get());
  call.Send("video");
  ExpectEnd(call, StatusCode::INVALID_ARGUMENT, "message 1 is a video_chunk");
  EXPECT_EQ(generator_.submissions(), 0);
}

TEST_F(GenerateErrorsTest, SecondConfig) {
  StartServer();
  ClientCall call(stub_.get());
  call.Send();
  call.Send("video");
  call.Send();
  ExpectEnd(call, StatusCode::INVALID_ARGUMENT, "message 3 is a second config");
  const auto request = generator_.WaitForRequest(0);
  EXPECT_TRUE(request->WaitForDestruction());
  EXPECT_EQ(request->cancelled().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(GenerateErrorsTest, EmptyMessage) {
  StartServer();
  ClientCall first(stub_.get());
  first.SendEmpty();
  ExpectEnd(first, StatusCode::INVALID_ARGUMENT, "message 1 has neither config nor video_chunk");
  ClientCall second(stub_.get());
  second.Send();
  second.SendEmpty();
  ExpectEnd(second, StatusCode::INVALID_ARGUMENT, "message 2 has neither");
}

TEST_F(GenerateErrorsTest, UploadOfAnotherSizeThanDeclared) {
  StartServer();
  v1::GenerateMusicConfig config;
  config.set_video_bytes(10);
  for (const std::string& video : {std::string("short"), std::string("too long by far")}) {
    ClientCall call(stub_.get());
    call.Send(config);
    call.Send(video);
    call.Complete();
    ExpectEnd(call, StatusCode::INVALID_ARGUMENT, "but video_bytes declared 10");
  }
}

TEST_F(GenerateErrorsTest, SongOfAnotherFingerprint) {
  generator_.set_fingerprint("own");
  StartServer();
  v1::GenerateMusicConfig config;
  config.mutable_resume()->set_fingerprint("other");
  ClientCall call(stub_.get());
  call.Send(config);
  ExpectEnd(call, StatusCode::FAILED_PRECONDITION, "resume.fingerprint is other");
  EXPECT_EQ(call.TrailingMetadata("vidmuse-fingerprint"), "own");
  EXPECT_EQ(generator_.submissions(), 0);

  config.mutable_resume()->set_fingerprint("own");
  ClientCall same(stub_.get());
  same.Send(config);
  const auto request = generator_.WaitForRequest(0);
  ASSERT_NE(request, nullptr);
  EXPECT_EQ(request->request().resume->fingerprint, "own");
}

TEST_F(GenerateErrorsTest, HalfCloseTooEarly) {
  StartServer();
  ClientCall nothing(stub_.get());
  nothing.Complete();
  ExpectEnd(nothing, StatusCode::INVALID_ARGUMENT, "without a config");
  ClientCall no_video(stub_.get());
  no_video.Send();
  no_video.Complete();
  ExpectEnd(no_video, StatusCode::INVALID_ARGUMENT, "without a video_chunk");
  ClientCall empty_video(stub_.get());
  empty_video.Send();
  empty_video.Send("");
  empty_video.Complete();
  ExpectEnd(empty_video, StatusCode::INVALID_ARGUMENT, "without a video_chunk");
  EXPECT_TRUE(generator_.WaitForRequest(1)->WaitForDestruction());
}

TEST_F(GenerateErrorsTest, OptionOutOfRange) {
  StartServer();
  ClientCall call(stub_.get());
  v1::GenerateMusicConfig config;
  config.mutable_sampling()->set_temperature(std::numeric_limits<float>::quiet_NaN());
  call.Send(config);
  ExpectEnd(call, StatusCode::INVALID_ARGUMENT, "sampling.temperature = nan");
  EXPECT_EQ(generator_.submissions(), 0);
}

TEST_F(GenerateErrorsTest, TooBigAMessage) {
  options_.max_message_bytes = 1 << 20;
  StartServer();
  ClientCall call(stub_.get());
  call.Send();
  call.Send(std::string(2 << 20, 'v'));
  const grpc::Status status = call.Finish();
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(generator_.WaitForRequest(0)->WaitForDestruction());
}

TEST_F(GenerateErrorsTest, WhateverIsThrownEndsTheCallAlone) {
  enum Thrown { kNoMemory, kNoException, kNothing };
  std::atomic<Thrown> thrown = kNoMemory;
  generator_.SetOnSubmit([&] {
    if (thrown == kNoMemory) throw std::bad_alloc();
    if (thrown == kNoException) throw 1;
  });
  StartServer();
  ClientCall no_memory(stub_.get());
  no_memory.Send();
  ExpectEnd(no_memory, StatusCode::RESOURCE_EXHAUSTED, "out of memory");
  thrown = kNoException;
  ClientCall no_exception(stub_.get());
  no_exception.Send();
  ExpectEnd(no_exception, StatusCode::INTERNAL, "the request failed");
  thrown = kNothing;
  ClientCall good(stub_.get());
  good.Send();
  EXPECT_NE(generator_.WaitForRequest(0), nullptr);
}

TEST_F(GenerateErrorsTest, RefusalSaysWhenToComeBackAndCostsNoUpload) {
  StartServer();
  for (const absl::Status& refusal :
       {absl::ResourceExhaustedError("full"), absl::DeadlineExceededError("too little time"),
        absl::UnavailableError("draining")}) {
    generator_.RefuseNext(WithRetryAfter(refusal, absl::Milliseconds(2500)));
    ClientCall call(stub_.get(), absl::Seconds(30), "refused");
    call.Send();  // and no half-close
    ExpectEnd(call, static_cast<StatusCode>(refusal.code()), std::string(refusal.message()));
    EXPECT_EQ(call.TrailingMetadata("grpc-retry-pushback-ms"), "2500");
    EXPECT_EQ(call.TrailingMetadata("x-request-id"), "refused");
    EXPECT_EQ(call.InitialMetadata("x-request-id"), "");
  }
}

TEST_F(GenerateErrorsTest, ClientLibraryRetriesARefusalByItself) {
  StartServer();
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(R"({"methodConfig": [{
      "name": [{"service": "vidmuse.v1.MusicService"}],
      "retryPolicy": {"maxAttempts": 3, "initialBackoff": "30s", "maxBackoff": "30s",
                      "backoffMultiplier": 1, "retryableStatusCodes": ["RESOURCE_EXHAUSTED"]}}]})");
  const auto stub = v1::MusicService::NewStub(NewChannel(arguments));
  generator_.RefuseNext(
      WithRetryAfter(absl::ResourceExhaustedError("full"), absl::Milliseconds(1)));
  generator_.SetScript(Song(1));
  ClientCall call(stub.get(), absl::Seconds(20));  // less than the backoff: the pushback counts
  call.Upload();
  const grpc::Status status = call.Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(generator_.submissions(), 2);
}

TEST_F(GenerateErrorsTest, UploadErrorEndsTheCallAtOnce) {
  StartServer();
  ClientCall call(stub_.get());
  call.Send();
  const auto request = generator_.WaitForRequest(0);
  ASSERT_NE(request, nullptr);
  request->FailUpload(absl::InvalidArgumentError("max_video_bytes: over the limit"));
  call.Send("video");  // and no half-close
  ExpectEnd(call, StatusCode::INVALID_ARGUMENT, "max_video_bytes");
  EXPECT_TRUE(request->WaitForDestruction());
}

TEST_F(GenerateErrorsTest, ErrorOfTheStreamEndsTheCallDuringTheUpload) {
  StartServer();
  ClientCall call(stub_.get());
  call.Send();
  const auto request = generator_.WaitForRequest(0);
  ASSERT_NE(request, nullptr);
  request->Push(WithRetryAfter(absl::UnavailableError("draining"), absl::Milliseconds(7)));
  ExpectEnd(call, StatusCode::UNAVAILABLE, "draining");
  EXPECT_EQ(call.TrailingMetadata("grpc-retry-pushback-ms"), "7");
  EXPECT_TRUE(request->WaitForDestruction());
}

TEST_F(GenerateErrorsTest, ErrorAfterSomeAudio) {
  StartServer();
  auto events = Song(2);
  events.back() = absl::InternalError("the device is gone");
  generator_.SetScript(events);
  ClientCall call(stub_.get());
  call.Upload();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(call.Receive().has_value());
  ExpectEnd(call, StatusCode::INTERNAL, "the device is gone");
}

TEST_F(GenerateErrorsTest, UploadsAreBounded) {
  options_.max_concurrent_uploads = 1;
  StartServer();
  auto uploading = std::make_unique<ClientCall>(stub_.get());
  uploading->Send();
  const auto request = generator_.WaitForRequest(0);
  ASSERT_NE(request, nullptr);
  ClientCall refused(stub_.get());
  ExpectEnd(refused, StatusCode::RESOURCE_EXHAUSTED, "max_concurrent_uploads: 1");
  EXPECT_EQ(refused.TrailingMetadata("grpc-retry-pushback-ms"), "1000");

  // A slot is free again when the upload is complete,
  uploading->Send("video");
  uploading->Complete();
  ASSERT_TRUE(request->WaitForFinishedVideo());
  {
    ClientCall second(stub_.get());
    second.Send();
    ASSERT_NE(generator_.WaitForRequest(1), nullptr);
  }
  // and when the call that held it ended.
  ASSERT_TRUE(generator_.WaitForRequest(1)->WaitForDestruction());
  ClientCall third(stub_.get());
  third.Send();
  EXPECT_NE(generator_.WaitForRequest(2), nullptr);
}

TEST_F(GenerateErrorsTest, UploadThatStandsStill) {
  options_.first_message_timeout_seconds = 3600;
  StartServer();
  ClientCall silent(stub_.get());
  ClientCall stuck(stub_.get());
  stuck.Send();
  stuck.Send("video");
  ASSERT_TRUE(generator_.WaitForRequest(0)->WaitForVideo(5));
  clock_.Pass(absl::Seconds(29));
  EXPECT_FALSE(generator_.WaitForRequest(0)->destroyed());
  clock_.Advance(absl::Seconds(1));
  ExpectEnd(stuck, StatusCode::DEADLINE_EXCEEDED, "the upload stood still for 30 s");
  ExpectEndInTime(silent, "stood still");
  EXPECT_TRUE(generator_.WaitForRequest(0)->WaitForDestruction());
}

TEST_F(GenerateErrorsTest, CallThatSaysNothing) {
  StartServer();
  ClientCall call(stub_.get());
  ExpectEndInTime(call, "no message came within 10 s");
}

TEST_F(GenerateErrorsTest, UploadThatTakesTooLong) {
  StartServer();
  ClientCall call(stub_.get());
  call.Send();
  const auto request = generator_.WaitForRequest(0);
  size_t sent = 0;
  for (int i = 0; i < 30; ++i) {  // 20 s each
    const std::string piece(30'000, 'v');
    ASSERT_TRUE(call.Send(piece)) << i;
    sent += piece.size();
    ASSERT_TRUE(request->WaitForVideo(sent));
    if (i < 29) clock_.Pass(absl::Seconds(20));
  }
  clock_.Advance(absl::Seconds(20));
  ExpectEnd(call, StatusCode::DEADLINE_EXCEEDED, "the upload took longer than 600 s");
}

TEST_F(GenerateErrorsTest, UploadThatTrickles) {
  StartServer();
  ClientCall call(stub_.get());
  call.Send();
  const auto request = generator_.WaitForRequest(0);
  const std::string piece(20'000, 'v');
  call.Send(piece);
  ASSERT_TRUE(request->WaitForVideo(20'000));
  clock_.Pass(absl::Seconds(29));
  call.Send(piece);
  ASSERT_TRUE(request->WaitForVideo(40'000));
  clock_.Pass(absl::Seconds(11));  // 1,000 bytes a second
  clock_.Advance(absl::Seconds(1));
  ExpectEnd(call, StatusCode::DEADLINE_EXCEEDED, "less than 1000 bytes a second");
}

TEST_F(GenerateErrorsTest, UploadTimeoutsEndWithTheUpload) {
  StartServer();
  ClientCall call(stub_.get());
  call.Upload();
  const auto request = generator_.WaitForRequest(0);
  ASSERT_NE(request, nullptr);
  ASSERT_TRUE(request->WaitForFinishedVideo());
  clock_.Pass(absl::Hours(10));
  EXPECT_FALSE(request->destroyed());
  for (auto& event : Song(1)) request->Push(std::move(event));
  EXPECT_TRUE(call.Finish().ok());
}

TEST_F(GenerateErrorsTest, ClientThatTakesNothingIsCutOff) {
  StartServer();
  generator_.SetScript(Song(100, 1 << 18));
  ClientCall call(stub_.get());
  call.Upload();
  const auto request = generator_.WaitForRequest(0);
  ASSERT_NE(request, nullptr);
  ASSERT_TRUE(request->WaitForReads(2));
  // Windows are full some time after: till then each write begins anew.
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (!request->WaitForDestruction(absl::Milliseconds(50)) && absl::Now() < deadline) {
    clock_.Advance(absl::Minutes(10));
  }
  EXPECT_TRUE(request->destroyed());
  EXPECT_TRUE(absl::IsUnavailable(request->cancelled())) << request->cancelled();
  // So that it may resume.
  ExpectEnd(call, StatusCode::UNAVAILABLE, "the client took no message for 600 s");
  server_ = nullptr;
  EXPECT_THAT(Log(), HasSubstr("the client took no message for 600 s"));
}

TEST_F(GenerateErrorsTest, OnlyCallsThatNeverReachedTheGeneratorAreCountedHere) {
  StartServer();
  ClientCall no_config(stub_.get());
  no_config.Send("video");
  no_config.Finish();
  generator_.RefuseNext(absl::InvalidArgumentError("declared too long"));
  ClientCall refused(stub_.get());
  refused.Send();
  refused.Finish();
  EXPECT_THAT(MetricsText(), HasSubstr("vidmuse_requests_total{device=\"cpu\",model=\"fake\","
                                       "code=\"INVALID_ARGUMENT\",reason=\"protocol\"} 1\n"));
}

}  // namespace
}  // namespace vidmuse
