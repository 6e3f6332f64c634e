#include "server/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace vidmuse {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;

ModelInfo FakeModel() {
  ModelInfo model;
  model.name = "m";
  model.device = "cpu";
  model.precision = "bf16";
  return model;
}

class MetricsTest : public ::testing::Test {
 protected:
  std::string Text() const {
    const std::vector<ReadMetric> more = {
        {prometheus::MetricType::Counter, "vidmuse_log_lines_dropped_total", "Lines.",
         [] { return 11.0; }},
        {prometheus::MetricType::Counter, "vidmuse_connections_refused_total", "Refused.",
         [] { return 13.0; }},
        {prometheus::MetricType::Gauge, "vidmuse_connections", "Open.", [] { return 12.0; }}};
    return prometheus::TextSerializer().Serialize(metrics_.Page(more)->Collect());
  }

  PrometheusMetrics metrics_;
};

TEST_F(MetricsTest, NothingBeforeTheModelIsKnown) {
  metrics_.Add(Counter::kTokens, 1);
  metrics_.Set(Gauge::kDraining, 1);
  metrics_.Observe(Histogram::kBatchSize, 1);
  EXPECT_EQ(prometheus::TextSerializer().Serialize(metrics_.registry()->Collect()), "");
}

// Prometheus' own check.
TEST_F(MetricsTest, PromtoolFindsNothing) {
  metrics_.Describe(FakeModel(), "1.0");
  metrics_.Add(Counter::kRequests, 1, "OK/");
  metrics_.Add(Counter::kWastedTokens, 1, "cancelled");
  metrics_.Observe(Histogram::kStageSeconds, 1, "decode");
  const std::string path = absl::StrCat(::testing::TempDir(), "/metrics-", getpid());
  std::ofstream(path) << Text();
  EXPECT_EQ(std::system(absl::StrCat(VIDMUSE_PROMTOOL, " check metrics <", path).c_str()), 0);
  std::filesystem::remove(path);
}

// A name that this server never reports would be an alert that never fires, or an empty panel.
TEST_F(MetricsTest, AlertsAndDashboardNameWhatThereIs) {
  metrics_.Describe(FakeModel(), "1.0");
  metrics_.Add(Counter::kRequests, 1, "OK/");
  metrics_.Add(Counter::kWastedTokens, 1, "cancelled");
  metrics_.Observe(Histogram::kStageSeconds, 1, "decode");
  const std::string page = Text();
  int names = 0;
  for (const char* file : {"/prometheus/alerts.yaml", "/grafana/dashboard.json"}) {
    std::ifstream stream(std::string(VIDMUSE_DEPLOY) + file);
    std::stringstream text;
    text << stream.rdbuf();
    const std::string all = text.str();
    const std::regex pattern("vidmuse_[a-z_]+");
    for (std::sregex_iterator found(all.begin(), all.end(), pattern), end; found != end; ++found) {
      // The gateway's own are held against its page by tests/deploy/monitoring_test.py.
      if (absl::StartsWith(found->str(), "vidmuse_gateway_")) continue;
      ++names;
      EXPECT_THAT(page, HasSubstr(absl::StrCat("\n", found->str(), "{"))) << file;
    }
  }
  EXPECT_GE(names, 40);
}

// What `promtool check metrics` asks for.
TEST_F(MetricsTest, NamesFollowPrometheusRules) {
  metrics_.Describe(FakeModel(), "1.0");
  for (const prometheus::MetricFamily& family : metrics_.registry()->Collect()) {
    const std::string& name = family.name;
    EXPECT_THAT(name, MatchesRegex("[a-z_]+")) << name;
    EXPECT_THAT(family.help, Not(IsEmpty())) << name;
    const bool is_counter = family.type == prometheus::MetricType::Counter;
    EXPECT_EQ(absl::EndsWith(name, "_total"), is_counter) << name;
    for (const char* taken : {"_count", "_sum", "_bucket"}) {
      EXPECT_FALSE(absl::EndsWith(name, taken)) << name;
    }
    for (const std::string& word : std::vector<std::string>(absl::StrSplit(name, '_'))) {
      // A type in the name; units that are abbreviated or not the base ones.
      EXPECT_THAT(word, Not(AnyOf("counter", "gauge", "histogram", "ms", "milliseconds", "s", "sec",
                                  "minutes", "hours", "b", "kb", "mb", "percent")))
          << name;
    }
  }
}

TEST_F(MetricsTest, EveryMetricHasItsNameHelpAndType) {
  metrics_.Describe(FakeModel(), "1.0");
  metrics_.Add(Counter::kRequests, 1, "OK/");
  metrics_.Add(Counter::kWastedTokens, 1, "cancelled");
  metrics_.Observe(Histogram::kStageSeconds, 1, "decode");
  const std::string text = Text();
  for (const auto& [name, type] : std::vector<std::pair<std::string, std::string>>{
           {"requests_total", "counter"},
           {"audio_seconds_total", "counter"},
           {"tokens_total", "counter"},
           {"wasted_tokens_total", "counter"},
           {"video_bytes_total", "counter"},
           {"videos_decoded_early_total", "counter"},
           {"stream_underruns_total", "counter"},
           {"log_lines_dropped_total", "counter"},
           {"connections", "gauge"},
           {"requests_running", "gauge"},
           {"requests_paused", "gauge"},
           {"requests_waiting", "gauge"},
           {"estimated_queue_delay_seconds", "gauge"},
           {"kv_cache_usage_ratio", "gauge"},
           {"draining", "gauge"},
           {"build_info", "gauge"},
           {"request_duration_seconds", "histogram"},
           {"request_queue_seconds", "histogram"},
           {"time_to_first_audio_seconds", "histogram"},
           {"inter_chunk_seconds", "histogram"},
           {"stream_lead_seconds", "histogram"},
           {"stage_seconds", "histogram"},
           {"lm_step_seconds", "histogram"},
           {"batch_size", "histogram"},
           {"realtime_factor", "histogram"}}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("# TYPE vidmuse_", name, " ", type, "\n")));
    EXPECT_THAT(text, HasSubstr(absl::StrCat("# HELP vidmuse_", name, " ")));
  }
}

TEST_F(MetricsTest, EveryLineParses) {
  metrics_.Describe(FakeModel(), "1.0");
  metrics_.Add(Counter::kRequests, 1, "OK/");
  metrics_.Observe(Histogram::kStageSeconds, 1, "decode");
  const std::string comment = "# (HELP|TYPE) vidmuse_[a-z_]+ .+";
  const std::string sample =
      "vidmuse_[a-z_]+\\{([a-z]+=\"[^\"]*\",?)+\\} (-?[0-9.e+-]+|[+]Inf|NaN)";
  for (const absl::string_view line : absl::StrSplit(Text(), '\n', absl::SkipEmpty())) {
    const std::string text(line);
    EXPECT_THAT(text, AnyOf(MatchesRegex(comment), MatchesRegex(sample)));
    if (text[0] != '#') {
      EXPECT_THAT(text, HasSubstr("model=\"m\""));
      EXPECT_THAT(text, HasSubstr("device=\"cpu\""));
    }
  }
}

// The value behind a name and a part of its labels; -1 if there is none.
double Value(const std::string& text, const std::string& name, const std::string& label) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::string sample(line);
    if (sample.rfind("vidmuse_" + name + "{", 0) != 0) continue;
    if (sample.find(label) == std::string::npos) continue;
    return std::stod(sample.substr(sample.rfind(' ')));
  }
  return -1;
}

TEST_F(MetricsTest, ValuesArrive) {
  metrics_.Describe(FakeModel(), "1.0");
  metrics_.Add(Counter::kRequests, 1, "INVALID_ARGUMENT/protocol");
  metrics_.Add(Counter::kRequests, 2, "INVALID_ARGUMENT/protocol");
  metrics_.Add(Counter::kWastedTokens, 4, "deadline");
  metrics_.Add(Counter::kAudioSeconds, 0.5);
  metrics_.Add(Counter::kTokens, 6);
  metrics_.Add(Counter::kVideoBytes, 7);
  metrics_.Add(Counter::kStreamUnderruns, 8);
  metrics_.Set(Gauge::kRequestsRunning, 8);
  metrics_.Set(Gauge::kRequestsPaused, 7);
  metrics_.Set(Gauge::kRequestsWaiting, 9);
  metrics_.Set(Gauge::kEstimatedQueueDelaySeconds, 10);
  metrics_.Set(Gauge::kKvCacheUsageRatio, 0.25);
  metrics_.Set(Gauge::kDraining, 1);
  metrics_.Observe(Histogram::kStageSeconds, 2, "decode");
  metrics_.Observe(Histogram::kBatchSize, 3);
  const std::string text = Text();
  EXPECT_EQ(Value(text, "requests_total", "code=\"INVALID_ARGUMENT\""), 3);
  EXPECT_EQ(Value(text, "requests_total", "reason=\"protocol\""), 3);
  EXPECT_EQ(Value(text, "wasted_tokens_total", "cause=\"deadline\""), 4);
  EXPECT_EQ(Value(text, "audio_seconds_total", ""), 0.5);
  EXPECT_EQ(Value(text, "tokens_total", ""), 6);
  EXPECT_EQ(Value(text, "video_bytes_total", ""), 7);
  EXPECT_EQ(Value(text, "stream_underruns_total", ""), 8);
  EXPECT_EQ(Value(text, "log_lines_dropped_total", "model=\"m\""), 11);
  EXPECT_EQ(Value(text, "connections", "device=\"cpu\""), 12);
  EXPECT_EQ(Value(text, "requests_running", ""), 8);
  EXPECT_EQ(Value(text, "requests_paused", ""), 7);
  EXPECT_EQ(Value(text, "requests_waiting", ""), 9);
  EXPECT_EQ(Value(text, "estimated_queue_delay_seconds", ""), 10);
  EXPECT_EQ(Value(text, "kv_cache_usage_ratio", ""), 0.25);
  EXPECT_EQ(Value(text, "draining", ""), 1);
  EXPECT_EQ(Value(text, "stage_seconds_sum", "stage=\"decode\""), 2);
  EXPECT_EQ(Value(text, "batch_size_count", ""), 1);
  EXPECT_EQ(Value(text, "batch_size_bucket", "le=\"2\""), 0);
  EXPECT_EQ(Value(text, "batch_size_bucket", "le=\"3\""), 1);
  EXPECT_EQ(Value(text, "build_info", "precision=\"bf16\""), 1);
  EXPECT_EQ(Value(text, "build_info", "version=\"1.0\""), 1);
}

TEST_F(MetricsTest, LabelsAreBounded) {
  metrics_.Describe(FakeModel(), "1.0");
  for (int i = 0; i < 1000; ++i) metrics_.Add(Counter::kWastedTokens, 1, absl::StrCat("c", i));
  const std::string text = Text();
  EXPECT_EQ(Value(text, "wasted_tokens_total", "cause=\"other\""), 900);
  EXPECT_THAT(text, Not(HasSubstr("cause=\"c500\"")));
}

}  // namespace
}  // namespace vidmuse
