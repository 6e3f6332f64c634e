// Load reports, in trailers and out of band.
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/load_meter.h"
#include "server/load_service.h"
#include "tests/support/manual_clock.h"
#include "tests/support/subprocess.h"
#include "tests/unit/server/service_fixture.h"
#include "xds/service/orca/v3/orca.grpc.pb.h"

namespace vidmuse {
namespace {

using xds::data::orca::v3::OrcaLoadReport;
using xds::service::orca::v3::OpenRcaService;
using xds::service::orca::v3::OrcaLoadReportRequest;

TEST(LoadMeterTest, TheWaitAndTheFullerOfPlacesAndMemory) {
  PrometheusMetrics metrics;
  ManualClock clock;
  MetricsSink* first = metrics.ForDevice("cuda:0");
  MetricsSink* second = metrics.ForDevice("cuda:1");
  metrics.Describe({}, "1");
  const LoadMeter meter(&metrics, 8, &clock);
  EXPECT_EQ(meter.Report().application_utilization(), 0);

  first->Set(Gauge::kRequestsRunning, 8);
  first->Set(Gauge::kKvCacheUsageRatio, 0.25);
  first->Set(Gauge::kEstimatedQueueDelaySeconds, 40);
  second->Set(Gauge::kRequestsRunning, 4);
  second->Set(Gauge::kKvCacheUsageRatio, 0.75);
  OrcaLoadReport report = meter.Report();
  EXPECT_DOUBLE_EQ(report.utilization().at("batch"), 0.75);
  EXPECT_DOUBLE_EQ(report.utilization().at("kv_cache"), 0.5);
  EXPECT_EQ(report.named_metrics().at("queue_delay_seconds"), 0);  // the second one is free
  EXPECT_DOUBLE_EQ(report.application_utilization(), 0.75);

  second->Set(Gauge::kRequestsRunning, 40);  // more may run than step together
  second->Set(Gauge::kKvCacheUsageRatio, 1);
  second->Set(Gauge::kEstimatedQueueDelaySeconds, 5);
  report = meter.Report();
  EXPECT_EQ(report.utilization().at("batch"), 1);
  EXPECT_DOUBLE_EQ(report.utilization().at("kv_cache"), 0.625);
  EXPECT_EQ(report.named_metrics().at("queue_delay_seconds"), 5);
  EXPECT_DOUBLE_EQ(report.application_utilization(), 1.5);
}

TEST(LoadMeterTest, RatesForgetWhatIsOld) {
  PrometheusMetrics metrics;
  metrics.Describe({}, "1");
  ManualClock clock;
  LoadMeter meter(&metrics, 8, &clock);
  for (int i = 0; i < 600; ++i) {
    clock.Advance(absl::Seconds(1));
    meter.OnCallEnd(i % 4 == 0   ? absl::StatusCode::kInternal
                    : i % 4 == 1 ? absl::StatusCode::kInvalidArgument
                                 : absl::StatusCode::kOk);
  }
  EXPECT_NEAR(meter.Report().rps_fractional(), 1, 0.02);
  EXPECT_NEAR(meter.Report().eps(), 0.25, 0.02);  // a client's mistake is no error of the server's
  clock.Advance(absl::Minutes(10));
  EXPECT_LT(meter.Report().rps_fractional(), 0.001);
}

class LoadServiceTest : public ServiceFixture {
 protected:
  using Stream = std::unique_ptr<grpc::ClientReader<OrcaLoadReport>>;

  void Start() {
    StartServer();
    channel_ = NewChannel();
    load_ = OpenRcaService::NewStub(channel_);
  }
  Stream Open(grpc::ClientContext* context, absl::Duration interval) {
    context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    OrcaLoadReportRequest request;
    request.mutable_report_interval()->set_seconds(absl::ToInt64Seconds(interval));
    return load_->StreamCoreMetrics(context, request);
  }

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<OpenRcaService::Stub> load_;
};

// gRPC keeps these trailers to itself and its balancers, so curl makes the call.
absl::StatusOr<OrcaLoadReport> ReportOfCall(int port,
                                            const v1::GenerateMusicFromVideoRequest& request) {
  const std::string message = request.SerializeAsString();
  const std::string file = testing::TempDir() + "load_test_call";
  // A message of gRPC's: not compressed, then its length in four bytes.
  std::string frame(5, '\0');
  frame[3] = static_cast<char>(message.size() >> 8);
  frame[4] = static_cast<char>(message.size());
  std::ofstream(file, std::ios::binary) << frame << message;
  const RunResult result = RunProgram(
      {"/usr/bin/env", "curl", "-sS", "-m", "60", "--http2-prior-knowledge", "-H",
       "content-type: application/grpc", "-H", "te: trailers", "--data-binary", "@" + file, "-D",
       "-", "-o", "/dev/null",
       absl::StrCat("http://127.0.0.1:", port, "/vidmuse.v1.MusicService/GenerateMusicFromVideo")});
  const std::string key = absl::StrCat(kLoadReportKey, ": ");
  for (absl::string_view line : absl::StrSplit(result.output, absl::ByAnyChar("\r\n"))) {
    std::string bytes;
    OrcaLoadReport report;
    if (absl::ConsumePrefix(&line, key) && absl::Base64Unescape(line, &bytes) &&
        report.ParseFromString(bytes)) {
      return report;
    }
  }
  return absl::NotFoundError(absl::StrCat(result.output, result.error));
}

TEST_F(LoadServiceTest, ACallEndsWithTheLoad) {
  generator_.SetScript(Song(1));
  Start();
  metrics_.Set(Gauge::kKvCacheUsageRatio, 0.5);
  metrics_.Set(Gauge::kEstimatedQueueDelaySeconds, 20);
  v1::GenerateMusicFromVideoRequest request;
  const auto refused = ReportOfCall(server_->port(), request);
  ASSERT_TRUE(refused.ok()) << refused.status();
  EXPECT_EQ(refused->eps(), 0);  // the client's mistake

  request.set_video("video");
  const auto report = ReportOfCall(server_->port(), request);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->utilization().at("kv_cache"), 0.5);
  EXPECT_EQ(report->named_metrics().at("queue_delay_seconds"), 20);
  EXPECT_DOUBLE_EQ(report->application_utilization(), 2.5);
  EXPECT_GT(report->rps_fractional(), refused->rps_fractional());
}

TEST_F(LoadServiceTest, ABalancerGetsReportsAtItsInterval) {
  Start();
  grpc::ClientContext context;
  const Stream stream = Open(&context, absl::Seconds(5));
  OrcaLoadReport report;
  ASSERT_TRUE(stream->Read(&report));
  EXPECT_EQ(report.application_utilization(), 0);
  for (const double ratio : {0.25, 0.5}) {
    metrics_.Set(Gauge::kKvCacheUsageRatio, ratio);
    clock_.Advance(absl::Seconds(5));
    ASSERT_TRUE(stream->Read(&report));
    EXPECT_EQ(report.application_utilization(), ratio);
  }
  // What is asked for too often comes once a second.
  grpc::ClientContext greedy_context;
  const Stream greedy = Open(&greedy_context, absl::ZeroDuration());
  ASSERT_TRUE(greedy->Read(&report));
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  greedy_context.TryCancel();
  greedy->Finish();
}

TEST_F(LoadServiceTest, StreamsAreBounded) {
  Start();
  constexpr size_t kMost = 64;
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<Stream> streams;
  OrcaLoadReport report;
  for (size_t i = 0; i < kMost; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    streams.push_back(Open(contexts.back().get(), absl::Seconds(60)));
    ASSERT_TRUE(streams.back()->Read(&report)) << i;
  }
  grpc::ClientContext context;
  EXPECT_EQ(Open(&context, absl::Seconds(60))->Finish().error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  contexts[0]->TryCancel();
  streams[0]->Finish();
  // There is room again as soon as the server has heard of it.
  bool entered = false;
  for (int i = 0; i < 1000 && !entered; ++i) {
    grpc::ClientContext again;
    const Stream stream = Open(&again, absl::Seconds(60));
    entered = stream->Read(&report);
    again.TryCancel();
    stream->Finish();
  }
  EXPECT_TRUE(entered);
  server_ = nullptr;  // ends the streams
  for (size_t i = 1; i < kMost; ++i) EXPECT_FALSE(streams[i]->Finish().ok());
}

TEST_F(LoadServiceTest, ACallWithoutARequestEnds) {
  Start();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  // As a stream in both directions, the client sends nothing by itself.
  const auto stream =
      std::unique_ptr<grpc::ClientReaderWriter<OrcaLoadReportRequest, OrcaLoadReport>>(
          grpc::internal::ClientReaderWriterFactory<OrcaLoadReportRequest, OrcaLoadReport>::Create(
              channel_.get(),
              grpc::internal::RpcMethod("/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics",
                                        grpc::internal::RpcMethod::BIDI_STREAMING),
              &context));
  // The server looks at the clock for each stream; from then on the stream is known to it.
  clock_.Pass(absl::ZeroDuration());
  clock_.Advance(LoadService::kRequestTimeout);
  OrcaLoadReport report;
  EXPECT_FALSE(stream->Read(&report));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(LoadServiceTest, BalancersNeedNoKey) {
  const std::string path = testing::TempDir() + "load_test_keys";
  std::ofstream(path) << std::string(64, 'a') << " somebody\n";
  options_.api_keys_file = path;
  Start();
  grpc::ClientContext context;
  const Stream stream = Open(&context, absl::Seconds(5));
  OrcaLoadReport report;
  EXPECT_TRUE(stream->Read(&report));
  context.TryCancel();
  stream->Finish();
}

}  // namespace
}  // namespace vidmuse
