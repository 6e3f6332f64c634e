#include "telemetry/otlp_exporter.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "tests/support/trace_collector.h"

namespace vidmuse {
namespace {

using Mode = TraceCollector::Mode;

Span NewSpan(const std::string& name) {
  Span span;
  span.context = NewTrace();
  span.context.sampled = true;
  span.name = name;
  span.begin = absl::FromUnixSeconds(1000);
  span.end = span.begin + absl::Milliseconds(1500);
  return span;
}

OtlpOptions OptionsFor(const std::string& address) {
  OtlpOptions options = *MakeOtlpOptions(address, "program");
  options.period = absl::Milliseconds(10);
  options.first_backoff = absl::Milliseconds(10);
  return options;
}

TEST(OtlpExporterTest, ASpanArrivesAsItIs) {
  TraceCollector collector;
  OtlpExporter exporter(OptionsFor(collector.address()));
  Span sent = NewSpan("work");
  sent.parent_id = "00f067aa0ba902b7";
  sent.context.state = "a=1";
  sent.kind = SpanKind::kServer;
  sent.attributes = {{"text", "t"}, {"whole", int64_t{-3}}, {"real", 0.5}};
  sent.failed = true;
  sent.message = "why";
  exporter.Add(sent);
  const auto spans = collector.WaitFor([](const auto& all) { return !all.empty(); });
  ASSERT_EQ(spans.size(), 1u);
  const CollectedSpan& got = spans[0];
  EXPECT_EQ(got.service, "program");
  EXPECT_EQ(got.trace_id, sent.context.trace_id);
  EXPECT_EQ(got.span_id, sent.context.span_id);
  EXPECT_EQ(got.parent_id, sent.parent_id);
  EXPECT_EQ(got.span.trace_state(), "a=1");
  EXPECT_EQ(got.span.name(), "work");
  EXPECT_EQ(got.span.kind(), opentelemetry::proto::trace::v1::Span::SPAN_KIND_SERVER);
  EXPECT_EQ(got.span.start_time_unix_nano(), 1'000'000'000'000u);
  EXPECT_EQ(got.span.end_time_unix_nano(), 1'001'500'000'000u);
  EXPECT_EQ(got.Attribute("text"), "t");
  EXPECT_EQ(got.Attribute("whole"), "-3");
  EXPECT_EQ(got.Attribute("real"), "0.5");
  EXPECT_EQ(got.span.status().code(), opentelemetry::proto::trace::v1::Status::STATUS_CODE_ERROR);
  EXPECT_EQ(got.span.status().message(), "why");
}

TEST(OtlpExporterTest, TextsAreBoundedAndUtf8) {
  TraceCollector collector;
  OtlpExporter exporter(OptionsFor(collector.address()));
  Span sent = NewSpan("caf\xc3\xa9 \xff\xc3");
  sent.attributes.assign(1000, {"long", std::string(1 << 20, 'x')});
  sent.message = "\xed\xa0\x80\xf0\x9f\x8e\xb5";  // a surrogate, then a note
  sent.failed = true;
  exporter.Add(sent);
  const auto spans = collector.WaitFor([](const auto& all) { return !all.empty(); });
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(spans[0].span.name(), "caf\xc3\xa9 ??");
  EXPECT_EQ(spans[0].span.status().message(), "???\xf0\x9f\x8e\xb5");
  EXPECT_EQ(spans[0].Attribute("long").size(), 1024u);
  EXPECT_EQ(spans[0].span.attributes_size(), 64);
}

TEST(OtlpExporterTest, ACollectorThatNeverAnswersCostsSpansAndNoTime) {
  TraceCollector collector(Mode::kHang);
  OtlpOptions options = OptionsFor(collector.address());
  options.max_queued = 10;
  options.max_batch = 1;
  options.deadline = absl::Hours(1);
  auto exporter = std::make_unique<OtlpExporter>(options);
  exporter->Add(NewSpan("first"));
  ASSERT_TRUE(collector.WaitForCalls(1));
  const absl::Duration began = Clock::Real()->Monotonic();
  for (int i = 0; i < 1000; ++i) exporter->Add(NewSpan("more"));
  EXPECT_EQ(exporter->dropped(), 990);  // the queue has ten
  exporter->Close(absl::Milliseconds(50));
  EXPECT_EQ(exporter->exported(), 0);
  exporter = nullptr;  // ends the call that hangs
  // An hour would pass if anything waited for the collector.
  EXPECT_LT(Clock::Real()->Monotonic() - began, absl::Seconds(60));
}

TEST(OtlpExporterTest, ABusyCollectorGetsTheSpansLater) {
  TraceCollector collector(Mode::kBusy);
  OtlpOptions options = OptionsFor(collector.address());
  options.max_attempts = 1000;
  options.max_backoff = absl::Milliseconds(20);
  OtlpExporter exporter(options);
  exporter.Add(NewSpan("work"));
  ASSERT_TRUE(collector.WaitForCalls(3));
  collector.SetMode(Mode::kTake);
  EXPECT_EQ(collector.WaitFor([](const auto& all) { return !all.empty(); }).size(), 1u);
  exporter.Close(absl::Seconds(60));
  EXPECT_EQ(exporter.exported(), 1);
  EXPECT_EQ(exporter.dropped(), 0);
}

TEST(OtlpExporterTest, WhatACollectorRefusesIsDroppedAndTheNextIsSent) {
  TraceCollector collector(Mode::kRefuse);
  OtlpExporter exporter(OptionsFor(collector.address()));
  exporter.Add(NewSpan("refused"));
  ASSERT_TRUE(collector.WaitForCalls(1));
  collector.SetMode(Mode::kTake);
  exporter.Add(NewSpan("taken"));
  const auto spans = collector.WaitFor([](const auto& all) { return !all.empty(); });
  exporter.Close(absl::Seconds(60));
  EXPECT_EQ(exporter.exported() + exporter.dropped(), 2);
  EXPECT_NE(FindSpan(spans, "taken"), nullptr);
}

TEST(OtlpExporterTest, CloseSendsWhatIsQueued) {
  TraceCollector collector;
  OtlpOptions options = OptionsFor(collector.address());
  options.period = absl::Hours(1);
  options.max_batch = 7;
  OtlpExporter exporter(options);
  for (int i = 0; i < 20; ++i) exporter.Add(NewSpan("work"));
  exporter.Close(absl::Seconds(60));
  EXPECT_EQ(collector.spans().size(), 20u);
  EXPECT_EQ(exporter.exported(), 20);
  exporter.Add(NewSpan("late"));
  EXPECT_EQ(exporter.dropped(), 1);
}

TEST(OtlpExporterTest, NobodyIsThere) {
  std::string address;
  {
    TraceCollector gone;
    address = gone.address();
  }
  OtlpExporter exporter(OptionsFor(address));
  exporter.Add(NewSpan("work"));
  exporter.Close(absl::Seconds(60));
  EXPECT_EQ(exporter.exported(), 0);
  EXPECT_EQ(exporter.dropped(), 1);
}

}  // namespace
}  // namespace vidmuse
