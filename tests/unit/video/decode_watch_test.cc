#include "core/video/decode_watch.h"

#include "gtest/gtest.h"

namespace vidmuse {
namespace {

TEST(DecodeWatch, ReportsCancellationAndTime) {
  CancelFlag cancel;
  const DecodeWatch patient(cancel, absl::Hours(1));
  const DecodeWatch impatient(cancel, -absl::Seconds(1));
  EXPECT_TRUE(patient.Check().ok());
  EXPECT_EQ(impatient.Check().code(), absl::StatusCode::kInvalidArgument);
  cancel.Cancel();
  EXPECT_EQ(patient.Check().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(impatient.Check().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace vidmuse
