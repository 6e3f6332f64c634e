#include "server/grpc_status.h"

#include <grpcpp/test/server_context_test_spouse.h>
#include <gtest/gtest.h>

#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

class GrpcStatusTest : public ::testing::Test {
 protected:
  std::string Pushback() const {
    const auto metadata = spouse_.GetTrailingMetadata();
    const auto found = metadata.find(kRetryPushbackKey);
    return found == metadata.end() ? "" : found->second;
  }

  grpc::ServerContext context_;
  grpc::testing::ServerContextTestSpouse spouse_{&context_};
};

TEST_F(GrpcStatusTest, CodesAndMessagesAreKept) {
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status status =
        ToGrpcStatus(absl::Status(static_cast<absl::StatusCode>(code), "why"), &context_);
    EXPECT_EQ(status.error_code(), code);
    EXPECT_EQ(status.error_message(), "why");
  }
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus(), &context_).ok());
  EXPECT_EQ(Pushback(), "");
}

TEST_F(GrpcStatusTest, DelayBecomesPushback) {
  ToGrpcStatus(WithRetryAfter(absl::DeadlineExceededError("late"), absl::Milliseconds(1234)),
               &context_);
  EXPECT_EQ(Pushback(), "1234");
}

TEST_F(GrpcStatusTest, NegativeDelayIsNow) {
  // A negative pushback would tell gRPC not to retry at all.
  ToGrpcStatus(WithRetryAfter(absl::UnavailableError("busy"), absl::Milliseconds(-5)), &context_);
  EXPECT_EQ(Pushback(), "0");
}

google::rpc::Status Details(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), status.error_code());
  EXPECT_EQ(details.message(), status.error_message());
  return details;
}

TEST_F(GrpcStatusTest, DetailsNameTheFieldThatIsOutOfRange) {
  const google::rpc::Status details = Details(ToGrpcStatus(
      AboutField(absl::InvalidArgumentError("sampling.top_p = 2"), "sampling.top_p"), &context_));
  ASSERT_EQ(details.details_size(), 2);
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.domain(), "vidmuse");
  EXPECT_EQ(info.reason(), "FIELD_OUT_OF_RANGE");
  google::rpc::BadRequest bad_request;
  ASSERT_TRUE(details.details(1).UnpackTo(&bad_request));
  ASSERT_EQ(bad_request.field_violations_size(), 1);
  EXPECT_EQ(bad_request.field_violations(0).field(), "sampling.top_p");
  EXPECT_EQ(bad_request.field_violations(0).description(), "sampling.top_p = 2");
}

TEST_F(GrpcStatusTest, DetailsNameTheLimitThatIsBroken) {
  const google::rpc::Status details = Details(ToGrpcStatus(
      AboutLimit(absl::InvalidArgumentError("too long"), "max_video_seconds", 601.5), &context_));
  ASSERT_EQ(details.details_size(), 1);
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "LIMIT_EXCEEDED");
  EXPECT_EQ(info.metadata().at("limit"), "max_video_seconds");
  EXPECT_EQ(info.metadata().at("value"), "601.5");
}

TEST_F(GrpcStatusTest, DetailsSayWhenToComeBack) {
  const google::rpc::Status details = Details(ToGrpcStatus(
      WithRetryAfter(absl::ResourceExhaustedError("full"), absl::Milliseconds(1234)), &context_));
  ASSERT_EQ(details.details_size(), 2);
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(details.details(1).UnpackTo(&retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 234'000'000);
}

TEST_F(GrpcStatusTest, LongMessagesAreCut) {
  const grpc::Status status =
      ToGrpcStatus(absl::InternalError(std::string(100000, 'x')), &context_);
  EXPECT_EQ(status.error_message().size(), 1024u);
}

}  // namespace
}  // namespace vidmuse
