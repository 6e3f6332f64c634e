// The client library against scripted servers over real connections.
#include "client/music_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/support/notification.h"
#include "tests/unit/client/client_test.h"
#include "tests/unit/client/fake_music_server.h"

// The README's example.
absl::Status MakeMusic(std::ostream& out);

namespace vidmuse {
namespace {

using grpc::StatusCode;
using testing::Each;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::SizeIs;

TEST_F(ClientTest, UploadsTheVideoAndDeliversTheSong) {
  std::string received;
  FakeMusicServer server({[&](FakeMusicServer::Call& call) {
    received = ReadVideo(call);
    song_.Send(call.stream, call.config.resume(), song_.frames);
    return grpc::Status::OK;
  }});
  options_.config.mutable_sampling()->set_top_k(9);
  ASSERT_EQ(Generate({server.address()}), absl::OkStatus());
  EXPECT_EQ(audio_, song_.AllAudio());
  EXPECT_EQ(received, video_);
  EXPECT_EQ(uploaded_, video_.size());
  EXPECT_EQ(started_, 1);
  EXPECT_EQ(finished_, 1);
  const v1::GenerateMusicConfig config = server.configs().at(0);
  EXPECT_TRUE(config.return_tokens());
  EXPECT_EQ(config.video_bytes(), video_.size());
  EXPECT_EQ(config.sampling().top_k(), 9u);
  EXPECT_FALSE(config.sampling().has_seed());
  EXPECT_FALSE(config.has_resume());
}

TEST_F(ClientTest, AnErrorInTheMiddleOfTheUploadEndsIt) {
  FakeMusicServer server({[](FakeMusicServer::Call& call) {
    v1::GenerateMusicRequest request;
    call.stream->Read(&request);
    return grpc::Status(StatusCode::INVALID_ARGUMENT, "not a video");
  }});
  video_ = std::string(64 << 20, 'v');
  const absl::Status status = Generate({server.address()});
  EXPECT_EQ(status, absl::InvalidArgumentError("not a video"));
  EXPECT_THAT(sleeps_, SizeIs(0));
}

TEST_F(ClientTest, AServerThatReadsNothingMayStillAnswer) {
  FakeMusicServer server({[&](FakeMusicServer::Call& call) {
    song_.Send(call.stream, call.config.resume(), song_.frames);
    return grpc::Status::OK;
  }});
  video_ = std::string(64 << 20, 'v');
  ASSERT_EQ(Generate({server.address()}), absl::OkStatus());
  EXPECT_EQ(audio_, song_.AllAudio());
}

TEST_F(ClientTest, AServerThatNeitherReadsNorAnswersMeetsTheDeadline) {
  FakeMusicServer server({[&](FakeMusicServer::Call& call) {
    while (!call.context->IsCancelled()) absl::SleepFor(absl::Milliseconds(5));
    return grpc::Status::OK;
  }});
  video_ = std::string(64 << 20, 'v');
  options_.deadline = absl::Milliseconds(300);
  EXPECT_TRUE(absl::IsDeadlineExceeded(Generate({server.address()})));
}

TEST_F(ClientTest, AServerThatDiesIsReplacedInMidStream) {
  auto dying = std::make_unique<FakeMusicServer>(
      std::vector<FakeMusicServer::Script>{[&](FakeMusicServer::Call& call) {
        ReadVideo(call);
        song_.Send(call.stream, call.config.resume(), 40);
        return WaitForEnd(call);
      }});
  FakeMusicServer heir({Sing(song_)});
  on_chunk_ = [&](const v1::AudioChunk& chunk) {
    if (dying != nullptr && chunk.first_frame() == 30) {
      dying->Stop();
      dying.reset();
    }
    return absl::OkStatus();
  };
  ASSERT_EQ(Generate({dying->address(), heir.address()}), absl::OkStatus());
  EXPECT_EQ(audio_, song_.AllAudio());
  EXPECT_EQ(started_, 1);
  EXPECT_EQ(finished_, 1);
  EXPECT_THAT(failures_, SizeIs(1));
  const v1::GenerateMusicConfig config = heir.configs().at(0);
  EXPECT_EQ(config.sampling().seed(), song_.seed);
  EXPECT_EQ(config.resume().tokens(), song_.Tokens(0, 40));
  EXPECT_EQ(config.resume().received_bytes(), song_.Audio(0, 38).size());
}

TEST_F(ClientTest, ADrainingServerHandsTheStreamOver) {
  const grpc::Status draining(StatusCode::UNAVAILABLE, "draining");
  FakeMusicServer first({Sing(song_, 30, draining), Sing(song_)});
  FakeMusicServer second({Sing(song_, 70, draining)});
  ASSERT_EQ(Generate({first.address(), second.address()}), absl::OkStatus());
  EXPECT_EQ(audio_, song_.AllAudio());
  EXPECT_EQ(first.configs().at(1).resume().tokens(), song_.Tokens(0, 70));
}

TEST_F(ClientTest, RetriesAreBoundedAndBackOff) {
  FakeMusicServer server({Refuse({StatusCode::UNAVAILABLE, "down"})});
  client_options_.max_retries = 4;
  client_options_.initial_backoff = absl::Seconds(1);
  client_options_.max_backoff = absl::Seconds(3);
  EXPECT_EQ(Generate({server.address()}), absl::UnavailableError("down"));
  EXPECT_EQ(server.configs().size(), 5u);
  ASSERT_THAT(sleeps_, SizeIs(4));
  const double expected[] = {1, 2, 3, 3};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_GE(sleeps_[i], absl::Seconds(expected[i]) * 0.5);
    EXPECT_LE(sleeps_[i], absl::Seconds(expected[i]));
  }
}

TEST_F(ClientTest, ProgressEarnsNewRetries) {
  const grpc::Status broken(StatusCode::UNAVAILABLE, "broken");
  std::vector<FakeMusicServer::Script> scripts;
  for (uint64_t stop = 10; stop < song_.frames; stop += 10) {
    scripts.push_back(Sing(song_, stop, broken));
    scripts.push_back(Refuse(broken));
  }
  scripts.push_back(Sing(song_));
  FakeMusicServer server(scripts);
  client_options_.max_retries = 2;
  ASSERT_EQ(Generate({server.address()}), absl::OkStatus());
  EXPECT_EQ(audio_, song_.AllAudio());
}

TEST_F(ClientTest, NobodyListening) {
  client_options_.max_retries = 1;
  EXPECT_TRUE(absl::IsUnavailable(Generate({"127.0.0.1:1"})));
  EXPECT_THAT(sleeps_, SizeIs(1));
}

TEST_F(ClientTest, ABusyServersPushbackIsHonoured) {
  const grpc::Status busy(StatusCode::RESOURCE_EXHAUSTED, "queue full");
  FakeMusicServer server({Refuse(busy, "1500"), Refuse(busy, "700"), Sing(song_)});
  ASSERT_EQ(Generate({server.address()}), absl::OkStatus());
  EXPECT_THAT(sleeps_, ElementsAre(absl::Milliseconds(1500), absl::Milliseconds(700)));
}

TEST_F(ClientTest, WaitingForABusyServerIsBounded) {
  const grpc::Status busy(StatusCode::RESOURCE_EXHAUSTED, "queue full");
  FakeMusicServer server({Refuse(busy, "4000")});
  client_options_.max_busy_wait = absl::Seconds(9);
  EXPECT_EQ(Generate({server.address()}), absl::ResourceExhaustedError("queue full"));
  EXPECT_THAT(sleeps_, SizeIs(2));
}

TEST_F(ClientTest, ADelayPastTheDeadlineIsNotWaitedFor) {
  FakeMusicServer server({Refuse({StatusCode::RESOURCE_EXHAUSTED, "queue full"}, "60000")});
  options_.deadline = absl::Seconds(10);
  EXPECT_EQ(Generate({server.address()}), absl::ResourceExhaustedError("queue full"));
  EXPECT_THAT(sleeps_, SizeIs(0));
}

TEST_F(ClientTest, PushbackOfABrokenCallIsHonoured) {
  FakeMusicServer server({Refuse({StatusCode::UNAVAILABLE, "draining"}, "3000"), Sing(song_)});
  ASSERT_EQ(Generate({server.address()}), absl::OkStatus());
  EXPECT_THAT(sleeps_, ElementsAre(absl::Seconds(3)));
}

TEST_F(ClientTest, APushbackOfZeroDoesNotDefeatTheBackoff) {
  FakeMusicServer server({Refuse({StatusCode::UNAVAILABLE, "draining"}, "0")});
  client_options_.max_busy_wait = absl::Seconds(60);
  EXPECT_EQ(Generate({server.address()}), absl::UnavailableError("draining"));
  EXPECT_THAT(sleeps_, Each(Ge(absl::Milliseconds(100))));
  EXPECT_GT(sleeps_.at(4), absl::Seconds(1));
}

TEST_F(ClientTest, ADrainingServerIsWaitedForLongerThanADeadOne) {
  std::vector<FakeMusicServer::Script> scripts(12,
                                               Refuse({StatusCode::UNAVAILABLE, "draining"}, "0"));
  scripts.push_back(Sing(song_));
  FakeMusicServer server(scripts);
  client_options_.max_retries = 1;
  ASSERT_EQ(Generate({server.address()}), absl::OkStatus());
  EXPECT_EQ(audio_, song_.AllAudio());
}

TEST_F(ClientTest, WithoutRetriesADrainingServerEndsTheCall) {
  FakeMusicServer server({Refuse({StatusCode::UNAVAILABLE, "draining"}, "0")});
  client_options_.max_retries = 0;
  EXPECT_EQ(Generate({server.address()}), absl::UnavailableError("draining"));
  EXPECT_EQ(server.configs().size(), 1u);
}

TEST_F(ClientTest, ANegativePushbackForbidsRetries) {
  FakeMusicServer server({Refuse({StatusCode::UNAVAILABLE, "gone for good"}, "-1")});
  EXPECT_EQ(Generate({server.address()}), absl::UnavailableError("gone for good"));
  EXPECT_EQ(server.configs().size(), 1u);
}

TEST_F(ClientTest, AnswersAreNotRetried) {
  for (const StatusCode code :
       {StatusCode::INVALID_ARGUMENT, StatusCode::RESOURCE_EXHAUSTED, StatusCode::UNAUTHENTICATED,
        StatusCode::DEADLINE_EXCEEDED, StatusCode::INTERNAL, StatusCode::UNIMPLEMENTED}) {
    FakeMusicServer server({Refuse({code, "no"})});
    const absl::Status status = Generate({server.address()});
    EXPECT_EQ(static_cast<int>(status.code()), static_cast<int>(code));
    EXPECT_EQ(status.message(), "no");
    EXPECT_EQ(server.configs().size(), 1u);
  }
}

TEST_F(ClientTest, OutOfMemoryAfterTheStartIsRetriedIfTheServerSaysWhen) {
  const auto out_of_memory = [&](bool says_when) {
    return [this, says_when](FakeMusicServer::Call& call) {
      ReadVideo(call);
      song_.Send(call.stream, {}, 10);
      if (says_when) call.context->AddTrailingMetadata("grpc-retry-pushback-ms", "300");
      return grpc::Status(StatusCode::RESOURCE_EXHAUSTED, "out of memory");
    };
  };
  FakeMusicServer server({out_of_memory(true), Sing(song_)});
  ASSERT_EQ(Generate({server.address()}), absl::OkStatus());
  EXPECT_EQ(audio_, song_.AllAudio());
  EXPECT_THAT(sleeps_, ElementsAre(absl::Milliseconds(300)));
  EXPECT_EQ(server.configs().at(1).resume().tokens(), song_.Tokens(0, 10));
  FakeMusicServer silent({out_of_memory(false)});
  EXPECT_TRUE(absl::IsResourceExhausted(Generate({silent.address()})));
  EXPECT_EQ(silent.configs().size(), 1u);
}

TEST_F(ClientTest, AReaderThatWasTooSlowGoesOn) {
  FakeMusicServer server(
      {Sing(song_, 40, {StatusCode::UNAVAILABLE, "the reader took nothing for 600 s"}),
       Sing(song_)});
  ASSERT_EQ(Generate({server.address()}), absl::OkStatus());
  EXPECT_EQ(audio_, song_.AllAudio());
  EXPECT_EQ(server.configs().at(1).resume().tokens(), song_.Tokens(0, 40));
}

TEST_F(ClientTest, EveryAttemptHasTheSameRequestIdAndItsNumber) {
  FakeMusicServer server({Sing(song_, 30, {StatusCode::UNAVAILABLE, "broken"}), Sing(song_)});
  ASSERT_EQ(Generate({server.address()}), absl::OkStatus());
  const std::vector<std::string> ids = server.metadata("x-request-id");
  ASSERT_THAT(ids, SizeIs(2));
  EXPECT_EQ(ids[0].size(), 32u);
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_THAT(server.metadata("x-vidmuse-attempt"), ElementsAre("1", "2"));
  EXPECT_THAT(server.metadata("traceparent"), Each(std::string()));

  options_.request_id = "song-1";
  options_.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  FakeMusicServer again({Sing(song_, 30, {StatusCode::UNAVAILABLE, "broken"}), Sing(song_)});
  ASSERT_EQ(Generate({again.address()}), absl::OkStatus());
  EXPECT_THAT(again.metadata("x-request-id"), ElementsAre("song-1", "song-1"));
  EXPECT_THAT(again.metadata("traceparent"), Each(options_.traceparent));

  options_.request_id = "two words";
  EXPECT_TRUE(absl::IsInvalidArgument(Generate({again.address()})));
}

TEST_F(ClientTest, AServerOfShortMessagesGetsShortPieces) {
  std::string received;
  FakeMusicServer server({[&](FakeMusicServer::Call& call) {
                           received = ReadVideo(call);
                           if (received != video_) return WaitForEnd(call);
                           song_.Send(call.stream, call.config.resume(), song_.frames);
                           return grpc::Status::OK;
                         }},
                         10'000);
  ASSERT_EQ(Generate({server.address()}), absl::OkStatus());
  EXPECT_EQ(received, video_);
  EXPECT_EQ(audio_, song_.AllAudio());
  EXPECT_THAT(sleeps_, SizeIs(0));
}

TEST_F(ClientTest, APromptThatIsTooLargeForTheServersMessagesIsAClearError) {
  options_.config.set_prompt_audio(std::string(20'000, 'p'));
  FakeMusicServer server({[&](FakeMusicServer::Call& call) { return WaitForEnd(call); }}, 10'000);
  const absl::Status status = Generate({server.address()});
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(status.message(),
              HasSubstr("20000 of them prompt_audio; the server's limit is 10000"));
  EXPECT_THAT(sleeps_, SizeIs(0));
}

TEST_F(ClientTest, ProgressReachesTheSink) {
  FakeMusicServer server({[&](FakeMusicServer::Call& call) {
    v1::GenerateMusicResponse response;
    response.mutable_progress()->set_stage(v1::GENERATION_STAGE_QUEUE);
    response.mutable_progress()->set_queue_position(3);
    call.stream->Write(response);
    return Sing(song_)(call);
  }});
  ASSERT_EQ(Generate({server.address()}), absl::OkStatus());
  ASSERT_THAT(progress_, SizeIs(1));
  EXPECT_EQ(progress_[0].queue_position(), 3u);
  EXPECT_EQ(audio_, song_.AllAudio());
}

TEST_F(ClientTest, TokensOfAnEarlierRunAreSentAndContinued) {
  FakeMusicServer server({Sing(song_)});
  options_.config.mutable_resume()->set_tokens(song_.Tokens(0, 30));
  ASSERT_EQ(Generate({server.address()}), absl::OkStatus());
  EXPECT_EQ(audio_, song_.AllAudio());
  EXPECT_EQ(server.configs().at(0).resume().tokens(), song_.Tokens(0, 30));
}

TEST_F(ClientTest, CancelFromAnotherThread) {
  Notification streaming;
  FakeMusicServer server({[&](FakeMusicServer::Call& call) {
    ReadVideo(call);
    song_.Send(call.stream, {}, 10);
    streaming.Notify();
    return WaitForEnd(call);
  }});
  Cancellation cancellation;
  options_.cancellation = &cancellation;
  std::thread canceller([&] {
    EXPECT_TRUE(streaming.WaitFor(absl::Seconds(30)));
    cancellation.Cancel();
  });
  EXPECT_TRUE(absl::IsCancelled(Generate({server.address()})));
  canceller.join();
}

TEST_F(ClientTest, CancelBetweenAttempts) {
  FakeMusicServer server({Refuse({StatusCode::UNAVAILABLE, "down"})});
  Cancellation cancellation;
  options_.cancellation = &cancellation;
  client_options_.sleep = [&](absl::Duration) { cancellation.Cancel(); };
  EXPECT_TRUE(absl::IsCancelled(Generate({server.address()})));
  EXPECT_EQ(server.configs().size(), 1u);
}

TEST_F(ClientTest, CancelBeforeTheCall) {
  FakeMusicServer server({Sing(song_)});
  Cancellation cancellation;
  cancellation.Cancel();
  options_.cancellation = &cancellation;
  EXPECT_TRUE(absl::IsCancelled(Generate({server.address()})));
  EXPECT_EQ(server.configs().size(), 0u);
}

TEST_F(ClientTest, TheSinksErrorEndsTheCall) {
  FakeMusicServer server({[&](FakeMusicServer::Call& call) {
    ReadVideo(call);
    song_.Send(call.stream, {}, 50);
    return WaitForEnd(call);
  }});
  on_chunk_ = [](const v1::AudioChunk&) { return absl::ResourceExhaustedError("disk full"); };
  EXPECT_EQ(Generate({server.address()}), absl::ResourceExhaustedError("disk full"));
  EXPECT_EQ(server.configs().size(), 1u);
}

TEST_F(ClientTest, AFileThatShrinksEndsTheCall) {
  const std::string path = testing::TempDir() + "/shrinking.mp4";
  ASSERT_EQ(truncate(path.c_str(), 0) == 0 || errno == ENOENT, true);
  FILE* file = fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  fputs("bytes", file);
  fclose(file);
  auto video = VideoSource::OpenFile(path);
  ASSERT_TRUE(video.ok()) << video.status();
  ASSERT_EQ(truncate(path.c_str(), 2), 0);
  FakeMusicServer server({[](FakeMusicServer::Call& call) { return WaitForEnd(call); }});
  auto client = MusicClient::Create({.addresses = {server.address()}});
  options_.deadline = kLong;
  const absl::Status status = (*client)->Generate(options_, **video, {});
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("shrinking.mp4 shrank"));
}

TEST_F(ClientTest, AStreamWithoutFinishedIsDataLoss) {
  FakeMusicServer server({Sing(song_, 50)});
  EXPECT_TRUE(absl::IsDataLoss(Generate({server.address()})));
}

TEST_F(ClientTest, AResumedStreamOfAnotherSongIsDataLoss) {
  FakeSong longer = song_;
  longer.frames = 120;
  FakeMusicServer server({Sing(song_, 30, {StatusCode::UNAVAILABLE, "broken"}), Sing(longer)});
  const absl::Status status = Generate({server.address()});
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(status.message(), HasSubstr("total_samples: 76800, it was 64000"));
}

TEST_F(ClientTest, OptionsAreChecked) {
  EXPECT_TRUE(absl::IsInvalidArgument(MusicClient::Create({}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(MusicClient::Create({.addresses = {""}}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      MusicClient::Create({.addresses = {"a:1"}, .max_retries = -1}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      MusicClient::Create({.addresses = {"a:1"}, .initial_backoff = absl::ZeroDuration()})
          .status()));
  for (const char* key : {"two words", "line\n", "caf\xc3\xa9"}) {
    const absl::Status status =
        MusicClient::Create({.addresses = {"a:1"}, .api_key = key}).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status));
    EXPECT_EQ(status.message().find(key), absl::string_view::npos) << status;
  }
  options_.config.mutable_resume()->set_received_bytes(1);
  EXPECT_TRUE(absl::IsInvalidArgument(Generate({"127.0.0.1:1"})));
}

TEST_F(ClientTest, KeysStayOnThisMachineWithoutTls) {
  for (const char* address : {"127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1", "::1",
                              "ipv4:127.0.0.1:1,127.0.0.2:1", "ipv6:[::1]:1", "dns:///localhost:1",
                              "unix:/run/vidmuse"}) {
    EXPECT_TRUE(MusicClient::Create({.addresses = {address}, .api_key = "k"}).ok()) << address;
  }
  for (const char* address : {"10.0.0.1:1", "vidmuse:50051", "localhost.example.com:1",
                              "127.0.0.1.example.com:1", "[::2]:1", "ipv4:127.0.0.1:1,10.0.0.1:1",
                              "dns:///vidmuse:1", "dns://127.0.0.1/vidmuse:1", "[", ""}) {
    ClientOptions options = {.addresses = {"127.0.0.1:1", address}, .api_key = "k"};
    EXPECT_TRUE(absl::IsInvalidArgument(MusicClient::Create(options).status())) << address;
    if (std::string(address).size() < 2) continue;
    options.allow_plaintext_api_key = true;
    EXPECT_TRUE(MusicClient::Create(options).ok()) << address;
    options.allow_plaintext_api_key = false;
    options.credentials = grpc::SslCredentials({});
    EXPECT_TRUE(MusicClient::Create(options).ok()) << address;
  }
}

TEST(ReadmeTest, TheExampleRuns) {
  std::ostringstream out;
  const absl::Status status = MakeMusic(out);
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("in.mp4"));
}

TEST_F(ClientTest, ModelAndHealth) {
  FakeMusicServer server({Sing(song_)});
  auto client = MusicClient::Create({.addresses = {"127.0.0.1:1", server.address()}});
  const auto info = (*client)->GetModelInfo(kLong);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->name(), "fake");
  EXPECT_TRUE(absl::IsUnavailable((*client)->CheckHealth(kLong)));
  auto healthy = MusicClient::Create({.addresses = {server.address()}});
  EXPECT_EQ((*healthy)->CheckHealth(kLong), absl::OkStatus());
}

}  // namespace
}  // namespace vidmuse
