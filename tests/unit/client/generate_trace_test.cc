// The spans of a song's attempts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/base/mutex.h"
#include "telemetry/tracer.h"
#include "tests/unit/client/client_test.h"

namespace vidmuse {
namespace {

using grpc::StatusCode;
using testing::Each;
using testing::ElementsAre;
using testing::SizeIs;

constexpr char kParent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

class KeepingSink final : public SpanSink {
 public:
  void Add(Span span) override {
    MutexLock lock(&mutex_);
    spans_.push_back(std::move(span));
  }
  std::vector<Span> spans() {
    MutexLock lock(&mutex_);
    return spans_;
  }

 private:
  Mutex mutex_;
  std::vector<Span> spans_ ABSL_GUARDED_BY(mutex_);
};

int64_t Number(const Span& span, const std::string& key) {
  for (const SpanAttribute& attribute : span.attributes) {
    if (attribute.key == key) return std::get<int64_t>(attribute.value);
  }
  return -1;
}

TEST_F(ClientTest, EachAttemptHasASpanThatIsTheServersParent) {
  const auto sink = std::make_shared<KeepingSink>();
  client_options_.tracer = std::make_shared<const Tracer>(sink);
  options_.traceparent = kParent;
  options_.tracestate = "a=1, b=2";
  FakeMusicServer server({Sing(song_, 30, {StatusCode::UNAVAILABLE, "broken"}), Sing(song_)});
  ASSERT_EQ(Generate({server.address()}), absl::OkStatus());
  const std::vector<Span> spans = sink->spans();
  ASSERT_THAT(spans, SizeIs(3));
  const Span& call = spans[2];
  EXPECT_EQ(call.name, "vidmuse.generate");
  EXPECT_EQ(call.parent_id, "b7ad6b7169203331");
  EXPECT_EQ(Number(call, "vidmuse.attempts"), 2);
  EXPECT_FALSE(call.failed);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(spans[i].kind, SpanKind::kClient);
    EXPECT_EQ(spans[i].context.trace_id, "0af7651916cd43dd8448eb211c80319c");
    EXPECT_EQ(spans[i].parent_id, call.context.span_id);
    EXPECT_EQ(Number(spans[i], "vidmuse.attempt"), i + 1);
    EXPECT_EQ(Number(spans[i], "vidmuse.resumed_frames"), 30 * i);
    EXPECT_EQ(spans[i].failed, i == 0);
    EXPECT_LE(spans[i].begin, spans[i].end);
  }
  EXPECT_THAT(server.metadata("traceparent"),
              ElementsAre(Traceparent(spans[0].context), Traceparent(spans[1].context)));
  EXPECT_THAT(server.metadata("tracestate"), Each("a=1, b=2"));
}

TEST_F(ClientTest, ACallOfNobodysBeginsATrace) {
  const auto sink = std::make_shared<KeepingSink>();
  client_options_.tracer = std::make_shared<const Tracer>(sink);
  client_options_.max_retries = 0;
  FakeMusicServer server({Sing(song_, 30, {StatusCode::INTERNAL, "broken"})});
  EXPECT_TRUE(absl::IsInternal(Generate({server.address()})));
  const std::vector<Span> spans = sink->spans();
  ASSERT_THAT(spans, SizeIs(2));
  EXPECT_EQ(spans[1].parent_id, "");
  EXPECT_TRUE(spans[1].failed);
  EXPECT_EQ(spans[1].message, "broken");
  EXPECT_EQ(Number(spans[1], "rpc.grpc.status_code"), StatusCode::INTERNAL);
}

TEST_F(ClientTest, WithoutATracerTheHeadersArePassedOn) {
  options_.traceparent = kParent;
  options_.tracestate = "a=1";
  FakeMusicServer server({Sing(song_)});
  ASSERT_EQ(Generate({server.address()}), absl::OkStatus());
  EXPECT_THAT(server.metadata("traceparent"), ElementsAre(kParent));
  EXPECT_THAT(server.metadata("tracestate"), ElementsAre("a=1"));
  options_.tracestate = "a\n";
  EXPECT_TRUE(absl::IsInvalidArgument(Generate({server.address()})));
}

}  // namespace
}  // namespace vidmuse
