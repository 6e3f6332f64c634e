// Tests the gateway's server-sent events, and songs that go on from given tokens, with real servers
// and curl.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/e2e/gateway_process.h"
#include "tests/e2e/harness.h"

namespace vidmuse {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

const absl::Duration kTime = kPatience * absl::Seconds(60);

struct Event {
  std::string name;
  nlohmann::json data;
};

std::vector<Event> ParseEvents(const std::string& text) {
  std::vector<Event> events;
  for (absl::string_view block : absl::StrSplit(text, "\n\n", absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> lines =
        absl::StrSplit(block, absl::MaxSplits('\n', 1));
    Event& event = events.emplace_back();
    event.name = std::string(absl::StripPrefix(lines.first, "event: "));
    event.data = nlohmann::json::parse(absl::StripPrefix(lines.second, "data: "), nullptr, false);
    EXPECT_FALSE(event.data.is_discarded()) << block.substr(0, 200);
  }
  return events;
}

// All chunks' `field`, decoded and put together.
std::string Joined(const std::vector<Event>& events, const char* field) {
  std::string all;
  for (const Event& event : events) {
    if (event.name != "chunk") continue;
    std::string bytes;
    EXPECT_TRUE(absl::Base64Unescape(event.data[field].get<std::string>(), &bytes));
    all += bytes;
  }
  return all;
}

// Tokens, packed as in the messages, as a tokens file has them.
std::string TokensText(const std::string& tokens) {
  std::string text;
  for (size_t i = 0; i + 1 < tokens.size(); i += 2) {
    const int token =
        static_cast<unsigned char>(tokens[i]) | static_cast<unsigned char>(tokens[i + 1]) << 8;
    absl::StrAppend(&text, token, (i / 2) % 4 == 3 ? "\n" : " ");
  }
  return text;
}

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

class EventsE2eTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = ServerProcess::Start();
    ASSERT_TRUE(server.ok()) << server.status();
    servers_.push_back(std::move(*server));
    auto gateway = GatewayProcess::Start(servers_, {"--busy_wait_seconds", "0"});
    ASSERT_TRUE(gateway.ok()) << gateway.status();
    gateway_ = *std::move(gateway);
  }

  std::vector<std::string> EventsCommand(const std::string& query, const std::string& video,
                                         const std::string& output) const {
    return CurlCommand({"-N", "-X", "POST", "-H", "accept: text/event-stream", "-T", video, "-o",
                        output, "-w", "%{http_code} %{content_type}",
                        gateway_->Url(absl::StrCat("/v1/music", query))});
  }
  // The answer's body, and its code with its content type.
  std::pair<std::string, std::string> Post(const std::string& query, const std::string& video) {
    const std::string output = TempFile("events");
    const RunResult result = RunProgram(EventsCommand(query, video, output));
    EXPECT_EQ(result.exit_code, 0) << result.error;
    return {ReadFile(output), result.output};
  }
  // Starts a request for a song of a long video, and returns when its music is on its way.
  std::unique_ptr<Subprocess> StartLongSong(const std::string& output) {
    auto curl = Subprocess::Start(
        EventsCommand("?seed=1&loudness=none&chunk=0.2", GoldenVideo("zoom_63s"), output));
    EXPECT_TRUE(curl.ok()) << curl.status();
    const absl::Time deadline = absl::Now() + kTime;
    while (!absl::StrContains(ReadFile(output), "event: chunk") && absl::Now() < deadline) {
    }
    return *std::move(curl);
  }
  std::string MadeByTool(const std::vector<std::string>& flags, const std::string& video,
                         const std::string& name = "tool") {
    const std::string output = TempFile(name);
    const RunResult result = Generate(*servers_[0], video, output, flags);
    EXPECT_EQ(result.exit_code, 0) << result.error;
    return ReadFile(output);
  }

  // The server's count.
  std::string TokensSampled() const {
    const absl::StatusOr<std::string> metrics = servers_[0]->Metrics();
    EXPECT_TRUE(metrics.ok()) << metrics.status();
    const std::vector<std::string> parts = absl::StrSplit(*metrics, "\nvidmuse_tokens_total");
    return parts.back().substr(0, parts.back().find('\n'));
  }

  std::vector<std::unique_ptr<ServerProcess>> servers_;
  std::unique_ptr<GatewayProcess> gateway_;
};

TEST_F(EventsE2eTest, ChunksMakeTheToolsFile) {
  const std::string tokens = TempFile("tokens");
  for (const char* format : {"wav", "mp3"}) {
    const auto [text, head] =
        Post(absl::StrCat("?seed=7&loudness=streaming&tokens=true&format=", format),
             GoldenVideo("pattern_4s"));
    EXPECT_EQ(head, "200 text/event-stream");
    const std::vector<Event> events = ParseEvents(text);
    EXPECT_TRUE(Joined(events, "data") == MadeByTool({"--seed", "7", "--loudness", "streaming",
                                                      "--format", format, "--tokens", tokens},
                                                     GoldenVideo("pattern_4s")));
    EXPECT_EQ(TokensText(Joined(events, "tokens")), ReadFile(tokens));
    ASSERT_FALSE(events.empty());
    EXPECT_EQ(events.back().name, "finished");
    EXPECT_EQ(events.back().data["total_samples"], "128000");
    bool is_started = false;
    for (const Event& event : events) {
      if (event.name == "chunk") {
        EXPECT_TRUE(is_started);
      }
      if (event.name != "started") continue;
      is_started = true;
      EXPECT_EQ(event.data["seed"], "7");
      EXPECT_EQ(event.data["sample_rate"], 32000);
      EXPECT_EQ(event.data["sampling"]["cfg_coef"], 3);
    }
    EXPECT_THAT(text, HasSubstr("event: progress\ndata: {\"stage\":\"GENERATION_STAGE_GENERATE\""));
  }
  const auto [text, head] = Post("?seed=7", GoldenVideo("pattern_4s"));
  EXPECT_THAT(Joined(ParseEvents(text), "tokens"), IsEmpty());
}

TEST_F(EventsE2eTest, VariantsComeTogether) {
  const auto [text, head] = Post("?seed=7&variants=2", GoldenVideo("pattern_4s"));
  EXPECT_EQ(head, "200 text/event-stream");
  std::vector<Event> of_variant[2];
  std::vector<std::string> seeds;
  for (const Event& event : ParseEvents(text)) {
    if (event.name == "started") seeds = event.data["seeds"].get<std::vector<std::string>>();
    if (event.name == "chunk") of_variant[event.data["variant"].get<size_t>()].push_back(event);
  }
  ASSERT_EQ(seeds.size(), 2u);
  for (int v = 0; v < 2; ++v) {
    EXPECT_TRUE(Joined(of_variant[v], "data") ==
                MadeByTool({"--seed", seeds[v], "--format", "wav"}, GoldenVideo("pattern_4s")));
  }
}

TEST_F(EventsE2eTest, ASongsTokensGiveItInAnotherFormat) {
  const auto [text, head] =
      Post("?seed=7&loudness=streaming&tokens=true", GoldenVideo("pattern_4s"));
  const std::string tokens = TempFile("tokens");
  WriteFile(tokens, TokensText(Joined(ParseEvents(text), "tokens")));
  for (const char* format : {"mp3", "ogg", "mp4", "wav"}) {
    const std::string expected =
        MadeByTool({"--seed", "7", "--loudness", "streaming"}, GoldenVideo("pattern_4s"),
                   absl::StrCat("tool.", format));
    const std::string sampled = TokensSampled();
    const std::string output = TempFile("resumed");
    const RunResult result = RunProgram(
        CurlCommand({"-F", absl::StrCat("video=@", GoldenVideo("pattern_4s")), "-F", "seed=7", "-F",
                     "loudness=streaming", "-F", absl::StrCat("format=", format), "-F",
                     absl::StrCat("resume=<", tokens), "-o", output, gateway_->Url("/v1/music")}));
    EXPECT_EQ(result.exit_code, 0) << result.error;
    EXPECT_EQ(TokensSampled(), sampled) << "the server only decodes";
    EXPECT_TRUE(ReadFile(output) == expected) << format;
  }
}

TEST_F(EventsE2eTest, RefusalsSayWhy) {
  const auto expect = [&](const std::string& query, const std::string& why) {
    const auto [body, head] = Post(query, GoldenVideo("pattern_4s"));
    EXPECT_EQ(head, "400 application/json") << query;
    EXPECT_THAT(body, HasSubstr(why));
  };
  expect("?format=mp4", "events carry audio");
  expect("?tokens=all", "expected true or false");
  expect("?temperature=99", "temperature");
  const RunResult songs = RunProgram(CurlCommand(
      {"-X", "POST", "-T", GoldenVideo("pattern_4s"), gateway_->Url("/v1/music?variants=2")}));
  EXPECT_THAT(songs.output, HasSubstr("a file holds one song"));
  const RunResult file =
      RunProgram(CurlCommand({"-F", absl::StrCat("video=@", GoldenVideo("pattern_4s")), "-F",
                              "tokens=true", gateway_->Url("/v1/music")}));
  EXPECT_THAT(file.output, HasSubstr("only text/event-stream has tokens"));
  const RunResult resume =
      RunProgram(CurlCommand({"-F", absl::StrCat("video=@", GoldenVideo("pattern_4s")), "-F",
                              "resume=1 2 3", gateway_->Url("/v1/music")}));
  EXPECT_THAT(resume.output, HasSubstr("field resume:1: expected 4 tokens, found 3"));
  // What is no video is found out after or before the first event.
  const std::string no_video = TempFile("no_video");
  WriteFile(no_video, "no video");
  const auto [body, head] = Post("", no_video);
  if (head == "200 text/event-stream") {
    EXPECT_EQ(ParseEvents(body).back().name, "error");
    EXPECT_EQ(ParseEvents(body).back().data["status"], "INVALID_ARGUMENT");
  } else {
    EXPECT_EQ(head, "400 application/json");
  }
}

TEST_F(EventsE2eTest, AFailureIsTheLastEvent) {
  const std::string output = TempFile("long");
  const std::unique_ptr<Subprocess> curl = StartLongSong(output);
  kill(servers_[0]->pid(), SIGKILL);  // the only one
  const auto code = curl->Wait(kTime);
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, 0) << curl->error();
  const std::vector<Event> events = ParseEvents(ReadFile(output));
  EXPECT_EQ(events.back().name, "error");
  EXPECT_EQ(events.back().data["status"], "UNAVAILABLE");
  const auto line = gateway_->WaitForErrorLine("\"status\":\"UNAVAILABLE\"", kTime);
  EXPECT_TRUE(line.ok()) << line.status();
}

TEST_F(EventsE2eTest, AClientThatStopsOrLeavesCostsOnlyItself) {
  const std::string stopped_output = TempFile("stopped"), left_output = TempFile("left");
  const std::unique_ptr<Subprocess> stopped = StartLongSong(stopped_output);
  stopped->Signal(SIGSTOP);
  {
    const std::unique_ptr<Subprocess> leaving = StartLongSong(left_output);
    leaving->Signal(SIGKILL);
  }
  EXPECT_EQ(servers_[0]->WaitForMetric("vidmuse_requests_total", "CANCELLED", 1), absl::OkStatus());
  EXPECT_EQ(Post("?seed=7", GoldenVideo("pattern_4s")).second, "200 text/event-stream");
  stopped->Signal(SIGCONT);
  const auto code = stopped->Wait(kTime);
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, 0) << stopped->error();
  EXPECT_TRUE(Joined(ParseEvents(ReadFile(stopped_output)), "data") ==
              MadeByTool({"--seed", "1", "--loudness", "none", "--format", "wav"},
                         GoldenVideo("zoom_63s")));
}

}  // namespace
}  // namespace vidmuse
