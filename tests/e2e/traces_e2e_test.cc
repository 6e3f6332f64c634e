// Traces of songs, as a collector gets them, and collectors that are no help.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/music_client.h"
#include "tests/e2e/gateway_process.h"
#include "tests/e2e/harness.h"
#include "tests/support/trace_collector.h"

namespace vidmuse {
namespace {

using Mode = TraceCollector::Mode;

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kCaller[] = "00f067aa0ba902b7";
constexpr char kCall[] = "vidmuse.v1.MusicService/GenerateMusic";

std::string Traceparent(bool sampled) {
  return absl::StrCat("00-", kTrace, "-", kCaller, sampled ? "-01" : "-00");
}

std::unique_ptr<ServerProcess> StartServer(const std::vector<std::string>& flags) {
  auto server = ServerProcess::Start(flags);
  EXPECT_TRUE(server.ok()) << server.status();
  return server.ok() ? *std::move(server) : nullptr;
}

std::vector<std::string> Sending(const TraceCollector& collector) {
  return {absl::StrCat("--otlp_endpoint=http://", collector.address())};
}

// The song's bytes.
std::string Song(const ServerProcess& server, const std::string& traceparent,
                 const std::string& video = "life_7s") {
  const auto client = MusicClient::Create({.addresses = {server.address()}});
  GenerateOptions options;
  options.config.mutable_sampling()->set_seed(7);
  options.config.set_loudness(v1::LOUDNESS_NONE);
  options.deadline = kPatience * absl::Minutes(3);
  options.request_id = "the-request";
  options.traceparent = traceparent;
  std::string bytes;
  GenerateSink sink;
  sink.chunk = [&](const v1::AudioChunk& chunk) {
    bytes += chunk.data();
    return absl::OkStatus();
  };
  const std::string file = ReadFile(GoldenVideo(video));
  EXPECT_EQ((*client)->Generate(options, *VideoSource::FromMemory(file), sink), absl::OkStatus());
  return bytes;
}

std::vector<CollectedSpan> WaitForSpan(const TraceCollector& collector, const std::string& name) {
  return collector.WaitFor(
      [&](const std::vector<CollectedSpan>& spans) { return FindSpan(spans, name) != nullptr; },
      kPatience * absl::Seconds(60));
}

// The log's line about the request.
nlohmann::json RequestLine(const ServerProcess& server) {
  for (const absl::string_view line : absl::StrSplit(server.log(), '\n')) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_object() && json.value("event", "") == "request") return json;
  }
  return {};
}

TEST(TracesE2eTest, ASongsTraceArrivesWithItsStages) {
  TraceCollector collector;
  const auto server = StartServer(Sending(collector));
  ASSERT_NE(server, nullptr);
  const std::string song = Song(*server, Traceparent(true), "zoom_63s");
  const std::vector<CollectedSpan> spans = WaitForSpan(collector, kCall);
  const CollectedSpan* call = FindSpan(spans, kCall);
  ASSERT_NE(call, nullptr);
  EXPECT_EQ(call->service, "vidmuse_server");
  EXPECT_EQ(call->parent_id, kCaller);
  EXPECT_EQ(call->span.kind(), opentelemetry::proto::trace::v1::Span::SPAN_KIND_SERVER);
  EXPECT_EQ(call->span.status().code(), opentelemetry::proto::trace::v1::Status::STATUS_CODE_UNSET);
  EXPECT_EQ(call->Attribute("rpc.grpc.status_code"), "0");
  EXPECT_EQ(call->Attribute("vidmuse.request_id"), "the-request");
  EXPECT_EQ(call->Attribute("vidmuse.seed"), "7");
  EXPECT_EQ(call->Attribute("vidmuse.frames"), absl::StrCat(63 * 50));
  EXPECT_NE(call->Attribute("vidmuse.model"), "");

  std::multiset<std::string> stages;
  for (const CollectedSpan& span : spans) {
    EXPECT_EQ(span.trace_id, kTrace);
    EXPECT_LE(span.span.start_time_unix_nano(), span.span.end_time_unix_nano());
    if (&span == call) continue;
    EXPECT_EQ(span.parent_id, call->span_id) << span.span.name();
    EXPECT_GE(span.span.start_time_unix_nano(), call->span.start_time_unix_nano());
    EXPECT_LE(span.span.end_time_unix_nano(), call->span.end_time_unix_nano());
    stages.insert(absl::StrCat(span.span.name(), span.Attribute("vidmuse.window")));
  }
  // A song of 63 s has three windows. The first one's pictures are read before it is queued, and
  // the last one's with the second's.
  EXPECT_THAT(stages, testing::UnorderedElementsAre("upload", "decode", "encode", "queue",
                                                    "generate", "deliver", "open_window0",
                                                    "open_window1", "open_window2", "decode1",
                                                    "encode1", "first_audio", "encode_audio"));
  const CollectedSpan* generate = FindSpan(spans, "generate");
  const CollectedSpan* queue = FindSpan(spans, "queue");
  ASSERT_TRUE(generate != nullptr && queue != nullptr);
  EXPECT_EQ(queue->span.end_time_unix_nano(), generate->span.start_time_unix_nano());

  EXPECT_EQ(server->Stop(), absl::OkStatus());
  const nlohmann::json line = RequestLine(*server);
  EXPECT_EQ(line.value("trace_id", ""), kTrace);
  EXPECT_EQ(line.value("span_id", ""), call->span_id);
}

TEST(TracesE2eTest, ARefusedRequestHasASpanWithItsStatus) {
  TraceCollector collector;
  const auto server = StartServer(Sending(collector));
  ASSERT_NE(server, nullptr);
  const auto client = MusicClient::Create({.addresses = {server->address()}});
  GenerateOptions options;
  options.traceparent = Traceparent(true);
  EXPECT_EQ((*client)->Generate(options, *VideoSource::FromMemory("no video"), {}).code(),
            absl::StatusCode::kInvalidArgument);
  const std::vector<CollectedSpan> spans = WaitForSpan(collector, kCall);
  const CollectedSpan* call = FindSpan(spans, kCall);
  ASSERT_NE(call, nullptr);
  EXPECT_EQ(call->Attribute("rpc.grpc.status_code"), "3");
  // By OpenTelemetry's conventions, a client's mistake is no error of the server's.
  EXPECT_EQ(call->span.status().code(), opentelemetry::proto::trace::v1::Status::STATUS_CODE_UNSET);
  EXPECT_NE(FindSpan(spans, "decode"), nullptr);
  EXPECT_EQ(FindSpan(spans, "encode"), nullptr);
}

TEST(TracesE2eTest, WhatIsNotSampledIsNotSent) {
  TraceCollector collector;
  const auto server = StartServer(
      {absl::StrCat("--otlp_endpoint=", collector.address()), "--trace_sample_share=0"});
  ASSERT_NE(server, nullptr);
  Song(*server, Traceparent(false));
  Song(*server, "");
  Song(*server, Traceparent(true));
  const std::vector<CollectedSpan> spans = WaitForSpan(collector, kCall);
  EXPECT_EQ(server->Stop(), absl::OkStatus());
  for (const CollectedSpan& span : collector.spans()) EXPECT_EQ(span.trace_id, kTrace);
  int calls = 0;
  for (const CollectedSpan& span : collector.spans()) calls += span.span.name() == kCall ? 1 : 0;
  EXPECT_EQ(calls, 1);
  // Without a trace there is an identifier in the log all the same.
  EXPECT_EQ(RequestLine(*server).value("trace_id", ""), kTrace);
}

TEST(TracesE2eTest, ADrainSendsTheLastSpans) {
  TraceCollector collector;
  const auto server = StartServer(Sending(collector));
  ASSERT_NE(server, nullptr);
  Song(*server, "");
  EXPECT_EQ(server->Stop(), absl::OkStatus());
  const std::vector<CollectedSpan> spans = collector.spans();
  const CollectedSpan* call = FindSpan(spans, kCall);
  ASSERT_NE(call, nullptr);
  EXPECT_EQ(call->parent_id, "");
}

TEST(TracesE2eTest, CollectorsThatAreNoHelpCostRequestsNothing) {
  std::string expected;
  {
    const auto server = StartServer({});
    ASSERT_NE(server, nullptr);
    expected = Song(*server, "");
    EXPECT_EQ(server->Stop(), absl::OkStatus());
  }
  ASSERT_FALSE(expected.empty());
  for (const Mode mode : {Mode::kHang, Mode::kBusy, Mode::kRefuse}) {
    TraceCollector collector(mode);
    const auto server = StartServer(Sending(collector));
    ASSERT_NE(server, nullptr);
    EXPECT_EQ(Song(*server, Traceparent(true)), expected);
    EXPECT_TRUE(collector.WaitForCalls(1));
    EXPECT_EQ(server->Stop(), absl::OkStatus());
    EXPECT_TRUE(collector.spans().empty());
  }
  // Nobody listens there.
  const auto server = StartServer({"--otlp_endpoint=127.0.0.1:1"});
  ASSERT_NE(server, nullptr);
  EXPECT_EQ(Song(*server, Traceparent(true)), expected);
  EXPECT_EQ(server->Stop(), absl::OkStatus());
}

// Checks that each span is the parent of the next one, and that the first one's is the caller's.
void ExpectChain(const std::vector<CollectedSpan>& spans,
                 const std::vector<std::pair<std::string, std::string>>& chain) {
  std::string parent = kCaller;
  for (const auto& [name, service] : chain) {
    const CollectedSpan* span = FindSpan(spans, name, service);
    ASSERT_NE(span, nullptr) << name << " of " << service;
    EXPECT_EQ(span->trace_id, kTrace) << name;
    EXPECT_EQ(span->parent_id, parent) << name;
    parent = span->span_id;
  }
}

std::vector<CollectedSpan> WaitForAll(const TraceCollector& collector,
                                      const std::vector<std::pair<std::string, std::string>>& all) {
  return collector.WaitFor(
      [&](const std::vector<CollectedSpan>& spans) {
        return std::all_of(all.begin(), all.end(), [&](const auto& one) {
          return FindSpan(spans, one.first, one.second) != nullptr;
        });
      },
      kPatience * absl::Seconds(60));
}

TEST(TracesE2eTest, AGatewaysRequestLeadsToTheServers) {
  TraceCollector collector;
  std::vector<std::unique_ptr<ServerProcess>> servers;
  servers.push_back(StartServer(Sending(collector)));
  ASSERT_NE(servers[0], nullptr);
  const auto gateway = GatewayProcess::Start(servers, Sending(collector));
  ASSERT_TRUE(gateway.ok()) << gateway.status();
  const RunResult answer = RunProgram(CurlCommand(
      {"-X", "POST", "-T", GoldenVideo("pattern_4s"), "-o", TempFile("song"), "-H",
       absl::StrCat("traceparent: ", Traceparent(true)), (*gateway)->Url("/v1/music?seed=7")}));
  EXPECT_EQ(answer.exit_code, 0) << answer.error;
  const std::vector<std::pair<std::string, std::string>> chain = {
      {"POST /v1/music", "vidmuse_gateway"},
      {"vidmuse.generate", "vidmuse_gateway"},
      {kCall, "vidmuse_gateway"},
      {kCall, "vidmuse_server"},
      {"generate", "vidmuse_server"}};
  const std::vector<CollectedSpan> spans = WaitForAll(collector, chain);
  ExpectChain(spans, chain);
  const auto line = (*gateway)->WaitForErrorLine("/v1/music", kPatience * absl::Seconds(30));
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(nlohmann::json::parse(*line).value("trace_id", ""), kTrace);
}

TEST(TracesE2eTest, TheToolTakesOpenTelemetrysVariables) {
  TraceCollector collector;
  const auto server = StartServer(Sending(collector));
  ASSERT_NE(server, nullptr);
  const std::vector<std::string> tool = {
      VIDMUSE_BIN_DIR "/vidmuse", "generate", "--server", server->address(), "--video",
      GoldenVideo("pattern_4s"),  "--output"};
  std::vector<std::string> args = {
      "/usr/bin/env", absl::StrCat("TRACEPARENT=", Traceparent(true)),
      absl::StrCat("OTEL_EXPORTER_OTLP_ENDPOINT=http://", collector.address())};
  args.insert(args.end(), tool.begin(), tool.end());
  args.push_back(TempFile("song.wav"));
  const RunResult made = RunProgram(args);
  EXPECT_EQ(made.exit_code, 0) << made.error;
  // The tool has sent its spans before its end.
  EXPECT_NE(FindSpan(collector.spans(), "vidmuse.generate", "vidmuse"), nullptr);
  const std::vector<std::pair<std::string, std::string>> chain = {
      {"vidmuse.generate", "vidmuse"}, {kCall, "vidmuse"}, {kCall, "vidmuse_server"}};
  ExpectChain(WaitForAll(collector, chain), chain);

  // A collector that never answers doesn't keep it for long: it waits no more than two seconds.
  TraceCollector hanging(Mode::kHang);
  args = tool;
  args.push_back(TempFile("again.wav"));
  args.push_back(absl::StrCat("--otlp_endpoint=", hanging.address()));
  EXPECT_EQ(RunProgram(args).exit_code, 0);
}

}  // namespace
}  // namespace vidmuse
