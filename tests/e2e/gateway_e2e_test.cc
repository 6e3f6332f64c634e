// Tests vidmuse_gateway with real servers, curl, and clients that misbehave.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/e2e/gateway_process.h"
#include "tests/e2e/harness.h"

namespace vidmuse {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const absl::Duration kTime = kPatience * absl::Seconds(60);

// A TCP connection that sends what it is told.
class Connection {
 public:
  explicit Connection(int port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience = {.tv_sec = absl::ToInt64Seconds(kTime), .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;

  // False: the other side has closed the connection.
  bool Send(const std::string& bytes) const {
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t sent = send(fd_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
      if (sent <= 0) return false;
      done += static_cast<size_t>(sent);
    }
    return true;
  }
  // Reads until `bytes` have come in all, or to the end.
  std::string Read(size_t bytes = SIZE_MAX) {
    char buffer[16 << 10];
    while (read_.size() < bytes) {
      const ssize_t got = recv(fd_, buffer, sizeof(buffer), 0);
      if (got <= 0) break;
      read_.append(buffer, static_cast<size_t>(got));
    }
    return read_;
  }

 private:
  const int fd_;
  std::string read_;
};

// The body of a chunked answer, and whether its last chunk has come.
std::pair<std::string, bool> Dechunk(const std::string& answer) {
  std::string body;
  size_t at = answer.find("\r\n\r\n");
  if (at == std::string::npos) return {body, false};
  at += 4;
  while (true) {
    const size_t end = answer.find("\r\n", at);
    uint64_t size = 0;
    if (end == std::string::npos || !absl::SimpleHexAtoi(answer.substr(at, end - at), &size)) {
      return {body, false};
    }
    if (size == 0) return {body, true};
    if (size > answer.size() - end - 2) return {body, false};
    body += answer.substr(end + 2, size);
    at = end + 2 + size + 2;
  }
}

class GatewayE2eTest : public testing::Test {
 protected:
  void SetUp() override { StartServers(1); }

  void StartServers(int count) {
    while (static_cast<int>(servers_.size()) < count) {
      auto server = ServerProcess::Start();
      ASSERT_TRUE(server.ok()) << server.status();
      servers_.push_back(std::move(*server));
    }
  }

  void StartGateway(const std::vector<std::string>& flags = {}) {
    auto started = GatewayProcess::Start(servers_, flags);
    ASSERT_TRUE(started.ok()) << started.status();
    gateway_ = *std::move(started);
    port_ = gateway_->port();
  }

  std::string Url(const std::string& path) const { return gateway_->Url(path); }
  static RunResult Curl(const std::vector<std::string>& args) {
    return RunProgram(CurlCommand(args));
  }
  // The answer's body and code.
  std::pair<std::string, std::string> Post(const std::string& query, const std::string& body) {
    const std::string output = TempFile("answer");
    const RunResult result = Curl(
        {"-X", "POST", "-T", body, "-o", output, "-w", "%{http_code}", Url("/v1/music" + query)});
    EXPECT_EQ(result.exit_code, 0) << result.error;
    return {ReadFile(output), result.output};
  }
  std::string MadeByTool(const std::vector<std::string>& flags, const char* video = "pattern_4s") {
    const std::string output = TempFile("tool");
    const RunResult result = Generate(*servers_[0], GoldenVideo(video), output, flags);
    EXPECT_EQ(result.exit_code, 0) << result.error;
    return ReadFile(output);
  }
  static std::string ErrorStatus(const std::string& body) {
    const auto json = nlohmann::json::parse(body, nullptr, false);
    return json.is_discarded() ? body : json["error"]["status"].get<std::string>();
  }
  // A request for a song of a long video, with the video.
  static std::string LongRequest(const std::string& query) {
    const std::string video = ReadFile(GoldenVideo("zoom_63s"));
    return absl::StrCat("POST /v1/music", query,
                        " HTTP/1.1\r\nhost: x\r\ncontent-length: ", video.size(), "\r\n\r\n",
                        video);
  }

  std::vector<std::unique_ptr<ServerProcess>> servers_;
  std::unique_ptr<GatewayProcess> gateway_;
  int port_ = 0;
};

TEST_F(GatewayE2eTest, EveryWayInAndFormatGivesTheToolsFile) {
  StartGateway();
  for (const char* format : {"wav", "pcm_s16le", "pcm_f32le", "flac", "mp3", "ogg"}) {
    const auto [body, code] =
        Post(absl::StrCat("?seed=7&format=", format), GoldenVideo("pattern_4s"));
    EXPECT_EQ(code, "200");
    EXPECT_EQ(body, MadeByTool({"--seed", "7", "--format", format})) << format;
  }
  const std::string expected = MadeByTool({"--seed", "7", "--format", "wav"});
  const std::string output = TempFile("answer");
  // A form, whose fields may come after the video; and a body of unknown length.
  EXPECT_EQ(Curl({"-F", absl::StrCat("video=@", GoldenVideo("pattern_4s")), "-F", "seed=7", "-o",
                  output, Url("/v1/music")})
                .exit_code,
            0);
  EXPECT_EQ(ReadFile(output), expected);
  EXPECT_EQ(Curl({"-H", "transfer-encoding: chunked", "--data-binary",
                  absl::StrCat("@", GoldenVideo("pattern_4s")), "-D", TempFile("headers"), "-o",
                  output, Url("/v1/music?seed=7")})
                .exit_code,
            0);
  EXPECT_EQ(ReadFile(output), expected);
  const std::string headers = ReadFile(TempFile("headers"));
  for (const char* header : {"x-request-id: ", "x-vidmuse-seed: 7", "x-vidmuse-samples: 128000",
                             "x-vidmuse-sample-rate: 32000", "content-type: audio/wav"}) {
    EXPECT_THAT(headers, HasSubstr(header));
  }
  for (const auto& [format, type] :
       {std::pair("mp4", "video/mp4"), std::pair("m4v", "video/mp4"),
        std::pair("mov", "video/quicktime"), std::pair("mkv", "video/x-matroska")}) {
    // A form's field goes before the query's.
    EXPECT_EQ(Curl({"-F", absl::StrCat("video=@", GoldenVideo("pattern_4s")), "-F",
                    absl::StrCat("format=", format), "-D", TempFile("headers"), "-o", output,
                    Url("/v1/music?format=flac")})
                  .exit_code,
              0);
    EXPECT_THAT(ReadFile(TempFile("headers")), HasSubstr(absl::StrCat("content-type: ", type)));
    EXPECT_EQ(ReadFile(output).substr(format == std::string("mkv") ? 0 : 4, 4),
              format == std::string("mkv") ? "\x1a\x45\xdf\xa3" : "ftyp");
    EXPECT_THAT(ReadFile(output), HasSubstr("/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"));
  }
}

TEST_F(GatewayE2eTest, AnswersAboutItselfAndItsService) {
  StartGateway({"--cors_origin", "https://example.org"});
  EXPECT_EQ(Curl({Url("/healthz")}).output, "ok\n");
  EXPECT_EQ(Curl({Url("/readyz")}).output, "ready\n");
  EXPECT_EQ(nlohmann::json::parse(Curl({Url("/v1/model")}).output)["sample_rate"], 32000);
  EXPECT_EQ(nlohmann::json::parse(Curl({Url("/openapi.json")}).output)["openapi"], "3.1.0");
  const std::string page = Curl({"-i", Url("/")}).output;
  EXPECT_THAT(page, HasSubstr("content-type: text/html; charset=utf-8\r\n"));
  EXPECT_THAT(page, HasSubstr("content-security-policy: default-src 'none'; "));
  const std::string script = Curl({"-i", Url("/page/main.js")}).output;
  EXPECT_THAT(script, HasSubstr("content-type: text/javascript; charset=utf-8\r\n"));
  const std::string etag = script.substr(script.find("etag: ") + 6, 18);
  EXPECT_THAT(
      Curl({"-i", "-H", absl::StrCat("if-none-match: ", etag), Url("/page/main.js")}).output,
      StartsWith("HTTP/1.1 304"));
  EXPECT_THAT(Curl({"-i", Url("/page/nothing.js")}).output, StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Curl({Url("/metrics")}).output,
              HasSubstr("vidmuse_gateway_requests_total{code=\"200\",route=\"/v1/model\"} 1"));
  const std::string allowed =
      Curl({"-i", "-X", "OPTIONS", "-H", "origin: https://example.org", Url("/v1/music")}).output;
  EXPECT_THAT(allowed, HasSubstr("204"));
  EXPECT_THAT(allowed, HasSubstr("access-control-allow-origin: https://example.org"));
  EXPECT_THAT(allowed, HasSubstr("access-control-allow-methods: POST, OPTIONS"));
  gateway_->Signal(SIGTERM);
  const auto code = gateway_->Wait(kTime);
  ASSERT_TRUE(code.ok()) << code.status();
  EXPECT_EQ(*code, 0);
}

TEST_F(GatewayE2eTest, RefusalsAreJsonWithTheRightCode) {
  StartGateway({"--max_video_bytes", "100000", "--busy_wait_seconds", "0"});
  const auto expect = [&](const std::pair<std::string, std::string>& answer, const char* code,
                          const char* status) {
    EXPECT_EQ(answer.second, code) << answer.first;
    EXPECT_EQ(ErrorStatus(answer.first), status);
  };
  const std::string no_video = TempFile("no_video");
  ASSERT_EQ(RunProgram({"/bin/sh", "-c", "echo no video > " + no_video}).exit_code, 0);
  const std::string large = TempFile("large");
  ASSERT_EQ(RunProgram({"/bin/sh", "-c", "head -c 100001 /dev/zero > " + large}).exit_code, 0);
  expect(Post("", no_video), "400", "INVALID_ARGUMENT");
  expect(Post("?temperature=99", GoldenVideo("pattern_4s")), "400", "INVALID_ARGUMENT");
  expect(Post("?volume=11", GoldenVideo("pattern_4s")), "400", "INVALID_ARGUMENT");
  for (const char* format : {"tape", "", ".mp4", "MP4", "a.mp4", "../a.mp4"}) {
    expect(Post(absl::StrCat("?format=", format), GoldenVideo("pattern_4s")), "400",
           "INVALID_ARGUMENT");
  }
  expect(Post("?original_audio=mix", GoldenVideo("pattern_4s")), "400", "INVALID_ARGUMENT");
  expect(Post("", large), "413", "INVALID_ARGUMENT");
  EXPECT_THAT(Curl({"-i", Url("/nothing")}).output, HasSubstr(" 404 "));
  EXPECT_THAT(Curl({"-i", Url("/v1/music")}).output, HasSubstr("allow: POST"));
  EXPECT_THAT(Curl({"-i", "-X", "POST", "-d", "x", Url("/healthz")}).output, HasSubstr(" 405 "));
  ASSERT_EQ(servers_[0]->Stop(), absl::OkStatus());
  expect(Post("", GoldenVideo("pattern_4s")), "503", "UNAVAILABLE");
  EXPECT_THAT(Curl({"-i", Url("/readyz")}).output, HasSubstr("retry-after: "));
  EXPECT_EQ(Curl({Url("/healthz")}).output, "ok\n");
}

TEST_F(GatewayE2eTest, AReplicasDeathIsNotSeen) {
  StartServers(2);
  StartGateway();
  const std::string query = "?seed=1&loudness=none&format=pcm_s16le&chunk=0.2";
  const std::string expected =
      MadeByTool({"--seed", "1", "--loudness", "none", "--format", "pcm_s16le"}, "zoom_63s");
  Connection client(port_);
  ASSERT_TRUE(client.Send(LongRequest(query)));
  client.Read(20000);  // music is on its way, and there is more than the gateway holds
  int killed = 0;
  for (auto& server : servers_) {
    if (!server->WaitForMetric("vidmuse_requests_running", "", 1, absl::ZeroDuration()).ok()) {
      continue;
    }
    kill(server->pid(), SIGKILL);
    ++killed;
  }
  EXPECT_EQ(killed, 1);
  std::string answer = client.Read(20001);
  while (!Dechunk(answer).second) {
    const std::string more = client.Read(answer.size() + 1);
    ASSERT_GT(more.size(), answer.size()) << "the connection was cut";
    answer = more;
  }
  EXPECT_EQ(Dechunk(answer).first, expected);
}

TEST_F(GatewayE2eTest, ASongThatFailsIsCutOff) {
  StartGateway({"--busy_wait_seconds", "0"});
  Connection client(port_);
  ASSERT_TRUE(client.Send(LongRequest("?loudness=none&chunk=0.2")));
  client.Read(20000);
  kill(servers_[0]->pid(), SIGKILL);  // the only one
  EXPECT_FALSE(Dechunk(client.Read()).second);
  EXPECT_EQ(Curl({Url("/healthz")}).output, "ok\n");
}

TEST_F(GatewayE2eTest, AClientThatGoesAwayEndsItsSong) {
  StartGateway();
  const std::string running = "vidmuse_requests_running";
  {
    Connection client(port_);
    ASSERT_TRUE(client.Send(LongRequest("?loudness=none&chunk=0.2")));
    client.Read(20000);
    ASSERT_EQ(servers_[0]->WaitForMetric(running, "", 1), absl::OkStatus());
  }
  EXPECT_EQ(servers_[0]->WaitForMetric(running, "", 0), absl::OkStatus());
  {
    Connection client(port_);  // in the middle of its upload
    const std::string request = LongRequest("");
    ASSERT_TRUE(client.Send(request.substr(0, request.size() / 2)));
  }
  {
    Connection client(port_);  // while it waits for the whole song
    ASSERT_TRUE(client.Send(LongRequest("?format=mp4")));
    ASSERT_EQ(servers_[0]->WaitForMetric(running, "", 1), absl::OkStatus());
  }
  EXPECT_EQ(servers_[0]->WaitForMetric(running, "", 0), absl::OkStatus());
  const std::string idle = "vidmuse_gateway_requests_running 1\n";  // the page's own request
  const absl::Time deadline = absl::Now() + kTime;
  std::string page;
  do {
    page = Curl({Url("/metrics")}).output;
  } while (!absl::StrContains(page, idle) && absl::Now() < deadline);
  EXPECT_THAT(page, HasSubstr(idle));
}

TEST_F(GatewayE2eTest, HostileClientsCostOnlyThemselves) {
  StartGateway(
      {"--header_timeout_seconds", "1", "--max_connections", "8", "--max_video_bytes", "1000000"});
  // More header than is kept: refused or cut off.
  Connection bomb(port_);
  std::string sent = "GET /healthz HTTP/1.1\r\nhost: x\r\n";
  for (int i = 0; i < 4000; ++i)
    absl::StrAppend(&sent, "x-", i, ": ", std::string(200, 'a'), "\r\n");
  bomb.Send(sent);
  const std::string answer = bomb.Read();
  EXPECT_TRUE(answer.empty() || absl::StartsWith(answer, "HTTP/1.1 4")) << answer.substr(0, 80);
  // Two gigabytes are refused before they come.
  Connection huge(port_);
  ASSERT_TRUE(
      huge.Send("POST /v1/music HTTP/1.1\r\nhost: x\r\ncontent-length: 2147483648\r\n\r\n"));
  EXPECT_THAT(huge.Read(12), StartsWith("HTTP/1.1 413"));
  // Meanwhile these stay, and a body that is shorter than it says, and one that is longer.
  Connection shorter(port_), longer(port_);
  ASSERT_TRUE(
      shorter.Send("POST /v1/music HTTP/1.1\r\nhost: x\r\ncontent-length: 900000\r\n\r\n12345"));
  ASSERT_TRUE(
      longer.Send("POST /v1/music HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n1234567890"));
  EXPECT_THAT(longer.Read(12), StartsWith("HTTP/1.1 400"));
  // Chunks that aren't, a body that stops, fields without end.
  for (const std::string& body :
       {std::string("transfer-encoding: chunked\r\n\r\nxyz\r\n"),
        std::string("transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n"),
        std::string("content-length: -5\r\n\r\n"),
        std::string("content-length: 10\r\n\r\n12345")}) {
    const Connection nonsense(port_);
    EXPECT_TRUE(nonsense.Send("POST /v1/music HTTP/1.1\r\nhost: x\r\n" + body));
  }
  std::string fields = "/v1/music?";
  for (int i = 0; i < 500; ++i) absl::StrAppend(&fields, "seed=", i, "&");
  EXPECT_THAT(Curl({"-i", "-X", "POST", "-d", "x", Url(fields)}).output, HasSubstr(" 400 "));
  // More connections than are taken: the others are closed, and places come back.
  {
    std::vector<std::unique_ptr<Connection>> many;
    for (int i = 0; i < 20; ++i) many.push_back(std::make_unique<Connection>(port_));
  }
  const absl::Time deadline = absl::Now() + kTime;
  std::string ok;
  while ((ok = Curl({Url("/healthz")}).output) != "ok\n" && absl::Now() < deadline) {
  }
  EXPECT_EQ(ok, "ok\n");
  EXPECT_EQ(Post("?seed=7", GoldenVideo("pattern_4s")).first, MadeByTool({"--seed", "7"}));
}

TEST_F(GatewayE2eTest, ClientsThatComeTooLateAreTold) {
  StartGateway({"--header_timeout_seconds", "1", "--idle_timeout_seconds", "1",
                "--request_timeout_seconds", "3"});
  const auto expect_late = [](const std::string& answer) {
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 408 "));
    EXPECT_EQ(ErrorStatus(answer.substr(answer.find("\r\n\r\n") + 4)), "DEADLINE_EXCEEDED");
  };
  Connection header(port_), body(port_), chunks(port_), drip(port_), between(port_);
  const std::string post = "POST /v1/music HTTP/1.1\r\nhost: x\r\n";
  ASSERT_TRUE(header.Send("GET /healthz HTT"));
  ASSERT_TRUE(body.Send(post + "content-length: 10\r\n\r\n12345"));
  ASSERT_TRUE(chunks.Send(post + "transfer-encoding: chunked\r\n\r\n5\r\n12345\r\n"));
  ASSERT_TRUE(drip.Send(post + "content-length: 100000\r\n\r\n"));
  ASSERT_TRUE(between.Send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"));
  const absl::Time deadline = absl::Now() + kTime;
  while (drip.Send("x") && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(200));
  EXPECT_LT(absl::Now(), deadline);
  expect_late(header.Read());
  expect_late(body.Read());
  expect_late(chunks.Read());
  const std::string answer = between.Read();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, Not(HasSubstr("408")));
  EXPECT_THAT(Curl({Url("/metrics")}).output,
              HasSubstr("vidmuse_gateway_requests_total{code=\"408\",route=\"/v1/music\"} 3\n"));
}

TEST_F(GatewayE2eTest, FormsOfOneClientTakeLittleMemory) {
  StartGateway();
  const std::string form = absl::StrCat(
      "POST /v1/music HTTP/1.1\r\nhost: x\r\ncontent-length: 90000000\r\n"
      "content-type: multipart/form-data; boundary=limit\r\n\r\n--limit\r\n"
      "content-disposition: form-data; name=\"prompt\"\r\n\r\n",
      std::string(3000000, 'p'));
  std::vector<std::unique_ptr<Connection>> greedy;
  const std::string prompt = TempFile("prompt");
  ASSERT_EQ(RunProgram({"/bin/sh", "-c", "head -c 2500000 /dev/zero > " + prompt}).exit_code, 0);
  const auto post = [&](const char* address) {
    return Curl({"--interface", address, "-F", "prompt=@" + prompt, "-F",
                 "video=@" + GoldenVideo("pattern_4s"), "-o", TempFile("answer"), "-w",
                 "%{http_code}", Url("/v1/music")})
        .output;
  };
  const absl::Time deadline = absl::Now() + kTime;
  std::string code;
  do {
    greedy.push_back(std::make_unique<Connection>(port_));
    ASSERT_TRUE(greedy.back()->Send(form));
    if (greedy.size() > 10) code = post("127.0.0.1");
  } while (code != "429" && absl::Now() < deadline);
  EXPECT_EQ(code, "429");
  EXPECT_EQ(post("127.0.0.2"), "400");  // the prompt isn't a sound
}

TEST_F(GatewayE2eTest, OneClientTakesNoMoreThanItsShare) {
  StartGateway({"--max_upload_bytes_per_client", "150000", "--max_connections_per_client", "6"});
  const std::string expected = MadeByTool({"--seed", "7"});
  const std::string output = TempFile("answer");
  // Two clients at addresses of their own, with a key or without one.
  const auto post = [&](const char* address, const char* key) {
    return Curl({"--interface", address, "-H", absl::StrCat("x-api-key: ", key), "-X", "POST", "-T",
                 GoldenVideo("pattern_4s"), "-o", output, "-w", "%{http_code}",
                 Url("/v1/music?seed=7")})
        .output;
  };
  std::vector<std::unique_ptr<Connection>> greedy;
  greedy.push_back(std::make_unique<Connection>(port_));
  ASSERT_TRUE(greedy[0]->Send(
      "POST /v1/music HTTP/1.1\r\nhost: x\r\nx-api-key: k\r\ncontent-length: 100000\r\n\r\n1"));
  const absl::Time deadline = absl::Now() + kTime;
  while (!absl::StrContains(Curl({Url("/metrics")}).output, "requests_running 2") &&
         absl::Now() < deadline) {
  }
  EXPECT_EQ(post("127.0.0.1", ""), "429");
  EXPECT_EQ(ErrorStatus(ReadFile(output)), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(post("127.0.0.2", "k"), "429");
  while (greedy.size() < 6) greedy.push_back(std::make_unique<Connection>(port_));
  Connection refused(port_);
  EXPECT_EQ(refused.Read(), "");
  EXPECT_EQ(post("127.0.0.2", "another"), "200");
  EXPECT_EQ(ReadFile(output), expected);
  greedy.clear();
  std::string code;
  while ((code = post("127.0.0.1", "k")) != "200" && absl::Now() < deadline) {
  }
  EXPECT_EQ(code, "200");
  EXPECT_EQ(ReadFile(output), expected);
}

}  // namespace
}  // namespace vidmuse
