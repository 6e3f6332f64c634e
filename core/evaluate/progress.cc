#include "core/evaluate/progress.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace vidmuse::evaluate {
namespace {

constexpr size_t kBarWidth = 30;
constexpr size_t kLines = 10;  // of a whole work, unless standard error is a terminal

}  // namespace

std::string ProgressLine(const std::string& name, size_t done, size_t count, double seconds) {
  const size_t filled = count == 0 ? kBarWidth : kBarWidth * done / count;
  const std::string bar = std::string(filled, '#') + std::string(kBarWidth - filled, '.');
  const double left =
      done == 0 ? 0 : seconds / static_cast<double>(done) * static_cast<double>(count - done);
  return absl::StrFormat("%s [%s] %d/%d, %.0f s, %.0f s left", name, bar, done, count, seconds,
                         left);
}

Progress::Progress(std::string name, size_t count, bool shown)
    : name_(std::move(name)),
      count_(count),
      shown_(shown),
      terminal_(isatty(STDERR_FILENO) == 1),
      started_(absl::Now()) {}

Progress::~Progress() {
  if (shown_ && terminal_ && done_ > 0) std::fputs("\n", stderr);
}

void Progress::Add() {
  const size_t line = done_ * kLines / count_;
  ++done_;
  if (!shown_ || (!terminal_ && done_ * kLines / count_ == line)) return;
  const double seconds = absl::ToDoubleSeconds(absl::Now() - started_);
  absl::FPrintF(stderr, "%s%s%s", terminal_ ? "\r" : "",
                ProgressLine(name_, done_, count_, seconds), terminal_ ? "\033[K" : "\n");
}

}  // namespace vidmuse::evaluate
