#include "server/grpc_status.h"

#include <grpcpp/test/server_context_test_spouse.h>
#include <gtest/gtest.h>

#include <string>

#include "vidmuse/types.h"

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

TEST_F(GrpcStatusTest, LongMessagesAreCut) {
  const grpc::Status status =
      ToGrpcStatus(absl::InternalError(std::string(100000, 'x')), &context_);
  EXPECT_EQ(status.error_message().size(), 1024u);
}

}  // namespace
}  // namespace vidmuse
