// Logging to a pipe that nobody reads, and to a disk that is full.
#include "core/base/log_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <streambuf>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/support/notification.h"

namespace vidmuse {
namespace {

constexpr absl::Duration kSoon = absl::Seconds(20);

// Takes nothing until it is let go; then it remembers all.
class StuckBuffer final : public std::streambuf {
 public:
  Notification stuck, go_on;
  std::string text;

 private:
  int_type overflow(int_type c) override {
    stuck.Notify();
    go_on.WaitFor(absl::Minutes(1));
    text.push_back(static_cast<char>(c));
    return c;
  }
};

TEST(LogWriterTest, LinesComeInOrder) {
  std::ostringstream out;
  std::string expected;
  {
    LogWriter log(&out);
    for (int i = 0; i < 1000; ++i) {
      log.Write(absl::StrCat("line ", i));
      absl::StrAppend(&expected, "line ", i, "\n");
    }
  }  // waits for what is queued
  EXPECT_EQ(out.str(), expected);
}

TEST(LogWriterTest, AStuckReaderHoldsUpNobodyAndMemoryIsBounded) {
  StuckBuffer buffer;
  std::ostream out(&buffer);
  LogWriter log(&out);
  log.Write("first");
  ASSERT_TRUE(buffer.stuck.WaitFor(kSoon));
  const std::string line(1 << 16, 'x');
  const int fit = static_cast<int>(LogWriter::kMaxQueuedBytes / (line.size() + 1));
  for (int i = 0; i < fit + 10; ++i) log.Write(line);
  EXPECT_EQ(log.dropped(), 10);
  EXPECT_FALSE(log.Flush(absl::Milliseconds(1)));
  buffer.go_on.Notify();
  EXPECT_TRUE(log.Flush(kSoon));
  EXPECT_EQ(buffer.text.size(), 6 + static_cast<size_t>(fit) * (line.size() + 1));
  log.Write("last");
  EXPECT_TRUE(log.Flush(kSoon));
  EXPECT_EQ(log.dropped(), 10);
}

TEST(LogWriterTest, DestructionDoesNotWaitForAStuckReader) {
  // Both outlive the thread, which is left behind.
  static auto* const buffer = new StuckBuffer;
  static auto* const out = new std::ostream(buffer);
  const absl::Time before = absl::Now();
  {
    LogWriter log(out);
    log.Write("first");
    ASSERT_TRUE(buffer->stuck.WaitFor(kSoon));
  }
  EXPECT_LT(absl::Now() - before, absl::Seconds(10));
  buffer->go_on.Notify();
}

TEST(LogWriterTest, AFullDiskCostsItsLinesAlone) {
  std::ofstream full("/dev/full");
  ASSERT_TRUE(full.is_open());
  LogWriter log(&full);
  for (int i = 0; i < 3; ++i) {
    log.Write("line");
    ASSERT_TRUE(log.Flush(kSoon));
  }
  EXPECT_EQ(log.dropped(), 3);
}

}  // namespace
}  // namespace vidmuse
