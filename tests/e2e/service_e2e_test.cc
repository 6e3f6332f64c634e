// Tests what operators use: health, reflection, metrics, the command line, busy servers and
// shutdown.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/music_client.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/e2e/harness.h"

namespace vidmuse {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using testing::HasSubstr;

constexpr char kServer[] = VIDMUSE_BIN_DIR "/vidmuse_server";
constexpr char kClient[] = VIDMUSE_BIN_DIR "/vidmuse";

std::unique_ptr<ServerProcess> StartServer(const std::vector<std::string>& flags = {}) {
  auto server = ServerProcess::Start(flags);
  EXPECT_TRUE(server.ok()) << server.status();
  return server.ok() ? std::move(*server) : nullptr;
}

std::shared_ptr<grpc::Channel> ChannelTo(const ServerProcess& server) {
  return grpc::CreateChannel(server.address(), grpc::InsecureChannelCredentials());
}

void SetDeadline(grpc::ClientContext* context) {
  context->set_deadline(std::chrono::system_clock::now() + kPatience * std::chrono::seconds(30));
}

TEST(ServiceE2eTest, HealthIsSpoken) {
  const auto server = StartServer();
  ASSERT_NE(server, nullptr);
  const auto stub = Health::NewStub(ChannelTo(*server));
  for (const char* name : {"", "liveness", "readiness"}) {
    grpc::ClientContext context;
    SetDeadline(&context);
    HealthCheckRequest request;
    request.set_service(name);
    HealthCheckResponse response;
    const grpc::Status status = stub->Check(&context, request, &response);
    EXPECT_TRUE(status.ok()) << name << ": " << status.error_message();
    EXPECT_EQ(response.status(), HealthCheckResponse::SERVING) << name;

    grpc::ClientContext watch_context;
    SetDeadline(&watch_context);
    const auto watch = stub->Watch(&watch_context, request);
    ASSERT_TRUE(watch->Read(&response)) << name;
    EXPECT_EQ(response.status(), HealthCheckResponse::SERVING) << name;
    watch_context.TryCancel();
  }
  grpc::ClientContext context;
  SetDeadline(&context);
  HealthCheckRequest request;
  request.set_service("nonesuch");
  HealthCheckResponse response;
  EXPECT_EQ(stub->Check(&context, request, &response).error_code(), grpc::StatusCode::NOT_FOUND);

  const RunResult health = RunProgram({kClient, "health", "--server", server->address()});
  EXPECT_EQ(health.exit_code, 0) << health.error;
  EXPECT_EQ(health.output, "SERVING\n");
  EXPECT_EQ(server->Stop(), absl::OkStatus());
  EXPECT_EQ(RunProgram({kClient, "health", "--server", server->address()}).exit_code, 1);
}

TEST(ServiceE2eTest, ReflectionListsTheServices) {
  const auto server = StartServer();
  ASSERT_NE(server, nullptr);
  // This is ServerReflectionRequest{list_services: ""}, encoded by hand because the reflection
  // proto comes without C++ headers.
  const grpc::Slice request("\x3a\x00", 2);
  const grpc::ByteBuffer request_buffer(&request, 1);
  grpc::GenericStub stub(ChannelTo(*server));
  grpc::ClientContext context;
  SetDeadline(&context);
  grpc::CompletionQueue queue;
  auto call = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  const auto await = [&queue] {
    void* tag;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  call->StartCall(nullptr);
  ASSERT_TRUE(await());
  call->Write(request_buffer, nullptr);
  ASSERT_TRUE(await());
  grpc::ByteBuffer response;
  call->Read(&response, nullptr);
  ASSERT_TRUE(await());
  grpc::Slice slice;
  ASSERT_TRUE(response.DumpToSingleSlice(&slice).ok());
  const std::string text(reinterpret_cast<const char*>(slice.begin()), slice.size());
  EXPECT_THAT(text, HasSubstr("vidmuse.v1.MusicService"));
  EXPECT_THAT(text, HasSubstr("grpc.health.v1.Health"));
  context.TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  await();
}

TEST(ServiceE2eTest, MetricsCountWhatWasServed) {
  const auto server = StartServer();
  ASSERT_NE(server, nullptr);
  const RunResult result = Generate(*server, GoldenVideo("pattern_4s"), TempFile("m.wav"),
                                    {"--loudness", "streaming"});
  ASSERT_EQ(result.exit_code, 0) << result.error;
  EXPECT_EQ(server->WaitForMetric("vidmuse_requests_total", "code=\"OK\"", 1), absl::OkStatus());
  for (const auto& [name, value] : std::vector<std::pair<const char*, double>>{
           {"vidmuse_requests_running", 0},
           {"vidmuse_requests_waiting", 0},
           {"vidmuse_requests_paused", 0},
           {"vidmuse_estimated_queue_delay_seconds", -1},
           {"vidmuse_request_duration_seconds_count", 1},
           {"vidmuse_request_queue_seconds_count", 1},
           {"vidmuse_time_to_first_audio_seconds_count", 1},
           {"vidmuse_inter_chunk_seconds_count", -1},
           {"vidmuse_stream_lead_seconds_count", -1},
           {"vidmuse_lm_step_seconds_count", -1},
           {"vidmuse_batch_size_count", -1},
           {"vidmuse_realtime_factor_count", 1},
           {"vidmuse_audio_seconds_total", 4},
           {"vidmuse_tokens_total", 4 * 203},  // the delay pattern adds 3 steps
           {"vidmuse_video_bytes_total", 88389},
           {"vidmuse_kv_cache_usage_ratio", 0},
           {"vidmuse_draining", 0},
           {"vidmuse_build_info", 1}}) {
    EXPECT_EQ(server->WaitForMetric(name, "", value), absl::OkStatus());
  }
  for (const char* stage : {"upload", "decode", "encode", "prefill", "generate", "codec"}) {
    EXPECT_EQ(server->WaitForMetric("vidmuse_stage_seconds_count",
                                    absl::StrCat("stage=\"", stage, "\""), 1),
              absl::OkStatus());
  }
  EXPECT_EQ(server->Stop(), absl::OkStatus());
}

TEST(ServiceE2eTest, ModelsDescribesTheModel) {
  const auto server = StartServer({"--max_video_seconds", "77"});
  ASSERT_NE(server, nullptr);
  const RunResult models = RunProgram({kClient, "models", "--server", server->address()});
  EXPECT_EQ(models.exit_code, 0) << models.error;
  EXPECT_THAT(models.output, HasSubstr("quick"));
  EXPECT_THAT(models.output, HasSubstr("32000 Hz"));
  EXPECT_THAT(models.output, HasSubstr("77"));
}

TEST(ServiceE2eTest, AWrongCommandLineEndsTheServerAtOnce) {
  for (const std::vector<std::string>& args : std::vector<std::vector<std::string>>{
           {kServer, "--nonesuch", "1"},
           {kServer},
           {kServer, "--model_dir", "/nonexistent", "--listen", "127.0.0.1:0"}}) {
    const RunResult result = RunProgram(args);
    EXPECT_GT(result.exit_code, 0) << args.size();
    EXPECT_LT(result.exit_code, 128) << result.error;
    EXPECT_NE(result.error, "");
  }
  const RunResult help = RunProgram({kServer, "--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.output + help.error, HasSubstr("--model_dir"));
}

TEST(ServiceE2eTest, ATakenPortIsAnError) {
  const auto server = StartServer();
  ASSERT_NE(server, nullptr);
  const auto second = ServerProcess::Start({"--listen", server->address()});
  EXPECT_FALSE(second.ok());
}

// Runs one generation with the client library and returns its status.
absl::Status Call(const std::vector<std::string>& addresses, const std::string& video,
                  absl::Duration max_busy_wait, GenerateSink sink) {
  auto client = MusicClient::Create({.addresses = addresses, .max_busy_wait = max_busy_wait});
  if (!client.ok()) return client.status();
  GenerateOptions options;
  options.config.mutable_sampling()->set_seed(1);
  options.config.set_loudness(v1::LOUDNESS_NONE);
  options.config.set_format(v1::AUDIO_FORMAT_PCM_S16LE);
  options.config.set_max_chunk_seconds(0.1);
  options.deadline = kPatience * absl::Minutes(3);
  const std::string bytes = ReadFile(GoldenVideo(video));
  return (*client)->Generate(options, *VideoSource::FromMemory(bytes), sink);
}

TEST(ServiceE2eTest, AFullQueueRefusesAtOnceAndRetriesGetThrough) {
  const auto server = StartServer({"--max_batch", "1", "--max_queued_requests", "1"});
  ASSERT_NE(server, nullptr);
  for (const bool patient : {false, true}) {
    std::atomic<int> served = 0;
    std::atomic<int> refused = 0;
    std::vector<std::thread> callers;
    for (int i = 0; i < 8; ++i) {
      callers.emplace_back([&] {
        const absl::Status status =
            Call({server->address()}, "life_7s",
                 patient ? kPatience * absl::Minutes(2) : absl::ZeroDuration(), {});
        if (status.ok()) ++served;
        if (absl::IsResourceExhausted(status)) ++refused;
      });
    }
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(served + refused, 8);
    if (patient) {
      EXPECT_EQ(served, 8);
    } else {
      EXPECT_GE(served, 1);
      EXPECT_GE(refused, 1);
    }
  }
}

// Makes a long song on a server that gets SIGTERM as soon as the first audio has come.
void TerminateInMidStream(const std::vector<std::string>& flags) {
  const auto first = StartServer(flags);
  const auto second = StartServer();
  ASSERT_TRUE(first != nullptr && second != nullptr);
  std::string undisturbed;
  GenerateSink plain;
  plain.chunk = [&](const v1::AudioChunk& chunk) {
    undisturbed += chunk.data();
    return absl::OkStatus();
  };
  ASSERT_EQ(Call({second->address()}, "zoom_63s", absl::ZeroDuration(), plain), absl::OkStatus());

  std::string audio;
  GenerateSink sink;
  sink.chunk = [&](const v1::AudioChunk& chunk) {
    if (audio.empty() && !chunk.data().empty()) first->Terminate();
    audio += chunk.data();
    return absl::OkStatus();
  };
  EXPECT_EQ(Call({first->address(), second->address()}, "zoom_63s", absl::ZeroDuration(), sink),
            absl::OkStatus());
  EXPECT_TRUE(audio == undisturbed) << audio.size() << " bytes, not " << undisturbed.size();
  EXPECT_EQ(first->WaitForCleanExit(), absl::OkStatus());
  EXPECT_EQ(second->Stop(), absl::OkStatus());
}

TEST(ServiceE2eTest, ADrainLetsAStreamFinish) { TerminateInMidStream({"--drain_seconds", "60"}); }

TEST(ServiceE2eTest, AShortDrainHandsTheStreamOver) {
  TerminateInMidStream({"--drain_seconds", "0"});
}

TEST(ServiceE2eTest, ADrainingServerTakesNothingNew) {
  const auto server = StartServer({"--drain_seconds", "60"});
  ASSERT_NE(server, nullptr);
  absl::Status late;
  GenerateSink sink;
  sink.chunk = [&](const v1::AudioChunk& chunk) {
    if (chunk.first_frame() != 0 || chunk.tokens().empty()) return absl::OkStatus();
    server->Terminate();
    absl::Status draining = server->WaitForMetric("vidmuse_draining", "", 1);
    // A new connection is refused or answered with UNAVAILABLE.
    auto client = MusicClient::Create({.addresses = {server->address()}, .max_retries = 0});
    GenerateOptions options;
    options.deadline = kPatience * absl::Seconds(30);
    late = (*client)->Generate(options, *VideoSource::FromMemory("x"), {});
    return draining;
  };
  EXPECT_EQ(Call({server->address()}, "zoom_63s", absl::ZeroDuration(), sink), absl::OkStatus());
  EXPECT_TRUE(absl::IsUnavailable(late)) << late;
  EXPECT_EQ(server->WaitForCleanExit(), absl::OkStatus());
}

}  // namespace
}  // namespace vidmuse
