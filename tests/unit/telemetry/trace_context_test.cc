#include "client/telemetry/trace_context.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace vidmuse {
namespace {

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kSpan[] = "00f067aa0ba902b7";
const std::string kValid = std::string("00-") + kTrace + "-" + kSpan + "-01";

TEST(TraceContextTest, ValidOnes) {
  for (const std::string& header :
       {kValid, "cc" + kValid.substr(2), "01" + kValid.substr(2) + "-more"}) {
    const auto trace = ParseTraceparent(header);
    ASSERT_TRUE(trace.has_value()) << header;
    EXPECT_EQ(trace->trace_id, kTrace);
    EXPECT_EQ(trace->span_id, kSpan);
  }
}

TEST(TraceContextTest, InvalidOnes) {
  for (const std::string& header :
       {std::string(), std::string("00"), kValid.substr(1), kValid.substr(0, 54), kValid + "-more",
        kValid + "0", "01" + kValid.substr(2) + "more", "ff" + kValid.substr(2),
        "0x" + kValid.substr(2), "00-" + std::string(32, '0') + "-" + kSpan + "-01",
        std::string("00-") + kTrace + "-" + std::string(16, '0') + "-01",
        std::string("00-4BF92F3577B34DA6A3CE929D0E0E4736-") + kSpan + "-01",
        std::string("00-") + kTrace + "_" + kSpan + "-01",
        std::string("00-") + kTrace + "-" + kSpan + "-0g", "00_" + kValid.substr(3)}) {
    EXPECT_FALSE(ParseTraceparent(header).has_value()) << header;
  }
}

TEST(TraceContextTest, TheLastBitSaysWhetherTheTraceIsRecorded) {
  const std::string start = std::string("00-") + kTrace + "-" + kSpan;
  for (const auto& [flags, sampled] :
       {std::pair("00", false), std::pair("01", true), std::pair("02", false),
        std::pair("ff", true), std::pair("0a", false), std::pair("0b", true)}) {
    const auto trace = ParseTraceparent(start + "-" + flags);
    ASSERT_TRUE(trace.has_value()) << flags;
    EXPECT_EQ(trace->sampled, sampled) << flags;
    EXPECT_EQ(Traceparent(*trace), start + (sampled ? "-01" : "-00"));
  }
}

TEST(TraceContextTest, TheStateIsPassedOn) {
  EXPECT_EQ(ParseTraceparent(kValid, "a=1, b=2")->state, "a=1, b=2");
  EXPECT_EQ(ParseTraceparent(kValid, "a=\n")->state, "");
  EXPECT_EQ(ParseTraceparent(kValid, std::string(513, 'a'))->state, "");
}

}  // namespace
}  // namespace vidmuse
