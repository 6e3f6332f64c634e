// Metrics of several devices: what an engine reports has its device's label, the rest the list's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <string>

#include "server/metrics.h"
#include "vidmuse/model_info.h"

namespace vidmuse {
namespace {

using testing::HasSubstr;
using testing::Not;

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(DeviceMetricsTest, EnginesHaveTheirDevicesLabel) {
  PrometheusMetrics metrics;
  MetricsSink* first = metrics.ForDevice("cuda:0");
  MetricsSink* second = metrics.ForDevice("cuda:1");
  first->Add(Counter::kTokens, 5);  // before Describe: dropped
  ModelInfo model;
  model.name = "m";
  model.device = "cuda:0,cuda:1";
  model.step_graphs = 4;
  model.step_kernels = true;
  metrics.Describe(model, "1.0");
  first->Add(Counter::kTokens, 8);
  second->Set(Gauge::kRequestsRunning, 3);
  second->Observe(Histogram::kBatchSize, 2);
  metrics.Set(Gauge::kRequestsWaiting, 7);
  const std::string text = prometheus::TextSerializer().Serialize(metrics.Page({})->Collect());
  EXPECT_THAT(text, HasSubstr("vidmuse_tokens_total{device=\"cuda:0\",model=\"m\"} 8"));
  EXPECT_THAT(text, HasSubstr("vidmuse_tokens_total{device=\"cuda:1\",model=\"m\"} 0"));
  EXPECT_THAT(text, HasSubstr("vidmuse_requests_running{device=\"cuda:1\",model=\"m\"} 3"));
  EXPECT_THAT(text, HasSubstr("vidmuse_batch_size_count{device=\"cuda:1\",model=\"m\"} 1"));
  EXPECT_THAT(text, HasSubstr("vidmuse_requests_waiting{device=\"cuda:0,cuda:1\",model=\"m\"} 7"));
  EXPECT_THAT(text, HasSubstr("vidmuse_step_graphs{device=\"cuda:0,cuda:1\",model=\"m\"} 4"));
  EXPECT_THAT(text, HasSubstr("vidmuse_step_kernels{device=\"cuda:0,cuda:1\",model=\"m\"} 1"));
  EXPECT_THAT(text, Not(HasSubstr("vidmuse_tokens_total{device=\"cuda:0,cuda:1\"")));
  // A page names a metric once.
  EXPECT_EQ(Count(text, "# TYPE vidmuse_tokens_total "), 1u);
  EXPECT_EQ(Count(text, "# TYPE vidmuse_lm_step_seconds "), 1u);
}

}  // namespace
}  // namespace vidmuse
