#include "client/telemetry/tracer.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

namespace vidmuse {
namespace {

class KeepingSink final : public SpanSink {
 public:
  void Add(Span span) override { spans.push_back(std::move(span)); }
  std::vector<Span> spans;
};

TEST(TracerTest, TheCallerDecidesWhetherItsTraceIsRecorded) {
  for (const double share : {0.0, 1.0}) {
    const auto sink = std::make_shared<KeepingSink>();
    const Tracer tracer(sink, share);
    for (const bool sampled : {false, true}) {
      TraceContext caller = NewTrace();
      caller.sampled = sampled;
      caller.state = "vendor=1";
      Span span;
      span.context = tracer.Begin(caller);
      EXPECT_EQ(span.context.trace_id, caller.trace_id);
      EXPECT_NE(span.context.span_id, caller.span_id);
      EXPECT_EQ(span.context.sampled, sampled);
      EXPECT_EQ(span.context.state, "vendor=1");
      tracer.Record(span);
    }
    EXPECT_EQ(sink->spans.size(), 1u);
  }
}

TEST(TracerTest, AShareOfNewTracesIsRecorded) {
  std::set<std::string> ids;
  const auto recorded = [&ids](double share) {
    const Tracer tracer(std::make_shared<KeepingSink>(), share);
    int sampled = 0;
    for (int i = 0; i < 4000; ++i) {
      const TraceContext root = tracer.Begin(std::nullopt);
      EXPECT_TRUE(ParseTraceparent(Traceparent(root)).has_value());
      ids.insert(root.trace_id);
      sampled += root.sampled ? 1 : 0;
    }
    return sampled;
  };
  EXPECT_EQ(recorded(0), 0);
  EXPECT_EQ(recorded(1), 4000);
  // More than eight standard deviations either way.
  EXPECT_NEAR(recorded(0.25), 1000, 240);
  EXPECT_EQ(ids.size(), 12000u);
}

}  // namespace
}  // namespace vidmuse
