#include "server/request_log.h"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

namespace vidmuse {
namespace {

class LoggedText {
 public:
  RequestLog& log() { return log_; }
  std::string Read() {
    EXPECT_TRUE(writer_->Flush(absl::Seconds(20)));
    return out_.str();
  }

 private:
  std::ostringstream out_;
  const std::shared_ptr<LogWriter> writer_ = std::make_shared<LogWriter>(&out_);
  RequestLog log_{writer_};
};

TEST(RequestLogTest, OneJsonLine) {
  LoggedText log_text;
  RequestLog& log = log_text.log();
  RequestRecord record;
  record.request_id = "abc";
  record.client = "ipv4:10.0.0.1:5000";
  record.api_key = "team";
  record.trace = TraceContext{"11", "22"};
  record.duration = absl::Milliseconds(1500);
  record.video_bytes = 10;
  record.total_frames = 200;
  record.seconds.emplace().generate = 0.5;
  log.Write(record);
  const std::string line = log_text.Read();
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["event"], "request");
  EXPECT_EQ(json["request_id"], "abc");
  EXPECT_EQ(json["client"], "ipv4:10.0.0.1:5000");
  EXPECT_EQ(json["api_key"], "team");
  EXPECT_EQ(json["trace_id"], "11");
  EXPECT_EQ(json["span_id"], "22");
  EXPECT_EQ(json["status"], "OK");
  EXPECT_EQ(json["seconds"], 1.5);
  EXPECT_EQ(json["video_bytes"], 10);
  EXPECT_EQ(json["frames"], 200);
  EXPECT_EQ(json["stages"]["generate"], 0.5);
  EXPECT_FALSE(json.contains("message"));
}

TEST(RequestLogTest, AnyMessageIsValidJson) {
  LoggedText log_text;
  RequestLog& log = log_text.log();
  RequestRecord record;
  record.status = absl::InvalidArgumentError("quote \" newline \n and \xff\xfe");
  log.Write(record);
  const std::string line = log_text.Read();
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["status"], "INVALID_ARGUMENT");
  EXPECT_EQ(json["message"].get<std::string>().substr(0, 17), "quote \" newline \n");
  for (const char* absent : {"stages", "api_key", "trace_id", "span_id"}) {
    EXPECT_FALSE(json.contains(absent)) << absent;
  }
}

TEST(RequestLogTest, Notices) {
  LoggedText log_text;
  RequestLog& log = log_text.log();
  log.Notice("tls", "two\nlines");
  const std::string line = log_text.Read();
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_EQ(json["event"], "tls");
  EXPECT_EQ(json["message"], "two\nlines");
}

TEST(RequestIdTest, SaneOnesAreKept) {
  for (const std::string& id :
       {std::string("a"), std::string("0-9.A_Z:z"), std::string(128, 'x')}) {
    EXPECT_EQ(ChooseRequestId(id), id);
  }
}

TEST(RequestIdTest, OthersAreReplacedByDifferentOnes) {
  for (const std::string& id : {std::string(), std::string("a b"), std::string("a\n"),
                                std::string(129, 'x'), std::string("\"}")}) {
    const std::string chosen = ChooseRequestId(id);
    EXPECT_NE(chosen, id);
    EXPECT_EQ(chosen.size(), 32u);
    EXPECT_NE(chosen, ChooseRequestId(id));
  }
}

}  // namespace
}  // namespace vidmuse
