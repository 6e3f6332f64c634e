#include "client/cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace vidmuse {
namespace {

constexpr absl::Duration kRedraw = absl::Milliseconds(100);
constexpr int kBarWidth = 30;

}  // namespace

std::string ProgressLine(double made_seconds, double total_seconds, double elapsed_seconds,
                         absl::string_view stage, int width) {
  const double part = total_seconds > 0 ? std::clamp(made_seconds / total_seconds, 0.0, 1.0) : 0;
  const auto filled = static_cast<size_t>(part * width);
  const std::string bar =
      std::string(filled, '#') + std::string(static_cast<size_t>(width) - filled, ' ');
  const double factor = elapsed_seconds > 0 ? made_seconds / elapsed_seconds : 0;
  return absl::StrFormat("[%s] %.1f/%.1f s  %.2fx realtime  %s", bar, made_seconds, total_seconds,
                         factor, stage);
}

Progress::Progress(uint64_t video_bytes)
    : shown_(isatty(STDERR_FILENO) == 1), video_bytes_(video_bytes) {}

void Progress::OnUploaded(uint64_t sent_bytes) {
  MutexLock lock(&mutex_);
  sent_bytes_ = sent_bytes;
  Draw(sent_bytes == video_bytes_);
}

void Progress::OnStarted(const v1::GenerationStarted& started) {
  MutexLock lock(&mutex_);
  song_ = started;
  started_at_ = absl::Now();
  Draw(true);
}

void Progress::OnChunk(const v1::AudioChunk& chunk) {
  MutexLock lock(&mutex_);
  // Tokens, not audio: loudness may hold all audio back to the end.
  if (!chunk.tokens().empty()) {
    made_frames_ = chunk.first_frame() + chunk.tokens().size() / (2 * song_.codebooks());
  }
  Draw(false);
}

void Progress::OnRetry(const absl::Status& status, absl::Duration delay) {
  MutexLock lock(&mutex_);
  if (!shown_ || closed_) return;
  absl::FPrintF(stderr, "\r\033[Kvidmuse: %s; trying again in %.1f s\n", status.ToString(),
                absl::ToDoubleSeconds(delay));
  sent_bytes_ = 0;
}

void Progress::Close() {
  MutexLock lock(&mutex_);
  if (shown_ && !closed_) std::fputs("\r\033[K", stderr);
  closed_ = true;
}

void Progress::Draw(bool always) {
  const absl::Time now = absl::Now();
  if (!shown_ || closed_ || (!always && now - last_drawn_ < kRedraw)) return;
  last_drawn_ = now;
  std::string line;
  if (song_.total_frames() > 0) {
    const double total =
        static_cast<double>(song_.total_samples()) / std::max(1u, song_.sample_rate());
    const double made =
        total * static_cast<double>(made_frames_) / static_cast<double>(song_.total_frames());
    line =
        ProgressLine(made, total, absl::ToDoubleSeconds(now - started_at_),
                     made_frames_ < song_.total_frames() ? "making music" : "finishing", kBarWidth);
  } else if (sent_bytes_ < video_bytes_) {
    line = absl::StrFormat("uploading %d%%", sent_bytes_ * 100 / video_bytes_);
  } else {
    line = "uploaded, waiting for the server";
  }
  absl::FPrintF(stderr, "\r\033[K%s", line);
  std::fflush(stderr);
}

}  // namespace vidmuse
