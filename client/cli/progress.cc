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

std::string ProgressLine(double made_seconds, double total_seconds, double realtime_factor,
                         absl::string_view stage, int width) {
  const double part = total_seconds > 0 ? std::clamp(made_seconds / total_seconds, 0.0, 1.0) : 0;
  const auto filled = static_cast<size_t>(part * width);
  const std::string bar =
      std::string(filled, '#') + std::string(static_cast<size_t>(width) - filled, ' ');
  const double left = realtime_factor > 0 ? (total_seconds - made_seconds) / realtime_factor : 0;
  return absl::StrFormat("[%s] %.1f/%.1f s  %.2fx realtime  %s%s", bar, made_seconds, total_seconds,
                         realtime_factor, left > 0 ? absl::StrFormat("%.0f s left  ", left) : "",
                         stage);
}

std::string WaitingLine(const v1::GenerationProgress& progress) {
  switch (progress.stage()) {
    case v1::GENERATION_STAGE_DECODE:
      return "decoding the video";
    case v1::GENERATION_STAGE_ENCODE:
      return "encoding the video for the model";
    case v1::GENERATION_STAGE_QUEUE:
      break;
    default:
      return "waiting for the server";
  }
  std::string line = "in the queue";
  if (progress.queue_position() > 0) {
    absl::StrAppend(&line, ", place ", progress.queue_position());
  }
  if (progress.has_estimated_queue_seconds()) {
    absl::StrAppendFormat(&line, ", about %.0f s to wait", progress.estimated_queue_seconds());
  }
  return line;
}

Progress::Progress(uint64_t video_bytes)
    : shown_(isatty(STDERR_FILENO) == 1), video_bytes_(video_bytes) {}

void Progress::OnUploaded(uint64_t sent_bytes) {
  MutexLock lock(&mutex_);
  sent_bytes_ = sent_bytes;
  Draw(sent_bytes == video_bytes_);
}

void Progress::OnProgress(const v1::GenerationProgress& progress) {
  MutexLock lock(&mutex_);
  const bool is_new = progress.stage() != stage_.stage();
  stage_ = progress;
  if (progress.stage() == v1::GENERATION_STAGE_GENERATE) SetMade(progress.frames_made());
  Draw(is_new);
}

void Progress::OnStarted(const v1::GenerationStarted& started) {
  MutexLock lock(&mutex_);
  song_ = started;
  made_frames_ = 0;
  Draw(true);
}

void Progress::OnChunk(const v1::AudioChunk& chunk) {
  if (chunk.variant() > 0) return;  // they are made side by side, so the first stands for all
  MutexLock lock(&mutex_);
  // Counts tokens, not audio, because loudness normalization may hold all audio back to the end.
  if (!chunk.tokens().empty()) {
    SetMade(chunk.first_frame() + chunk.tokens().size() / (2 * song_.codebooks()));
  }
  Draw(false);
}

void Progress::SetMade(uint64_t frames) {
  made_frames_ = std::max(made_frames_, frames);
  if (making_since_.has_value()) return;
  making_since_ = absl::Now();
  frames_before_ = made_frames_;
}

void Progress::OnRetry(const absl::Status& status, absl::Duration delay) {
  MutexLock lock(&mutex_);
  sent_bytes_ = 0;
  stage_.Clear();
  making_since_.reset();
  if (!shown_ || closed_) return;
  absl::FPrintF(stderr, "\r\033[Kvidmuse: %s; trying again in %.1f s\n", status.ToString(),
                absl::ToDoubleSeconds(delay));
}

void Progress::Close() {
  MutexLock lock(&mutex_);
  if (shown_ && !closed_) std::fputs("\r\033[K", stderr);
  closed_ = true;
}

double Progress::RealtimeFactor(absl::Time now) const {
  if (!making_since_.has_value() || now <= *making_since_) return 0;
  const double song_seconds =
      static_cast<double>(song_.total_samples()) / std::max(1u, song_.sample_rate());
  return song_seconds * static_cast<double>(made_frames_ - frames_before_) /
         static_cast<double>(song_.total_frames()) / absl::ToDoubleSeconds(now - *making_since_);
}

std::string Progress::Line(absl::Time now) const {
  if (sent_bytes_ < video_bytes_) {
    return absl::StrFormat("uploading %d%%", sent_bytes_ * 100 / video_bytes_);
  }
  if (song_.total_frames() == 0 || !making_since_.has_value()) return WaitingLine(stage_);
  const double total =
      static_cast<double>(song_.total_samples()) / std::max(1u, song_.sample_rate());
  const double made =
      total * static_cast<double>(made_frames_) / static_cast<double>(song_.total_frames());
  const bool all_made = made_frames_ >= song_.total_frames();
  return ProgressLine(made, total, RealtimeFactor(now), all_made ? "finishing" : "making music",
                      kBarWidth);
}

void Progress::Draw(bool always) {
  const absl::Time now = absl::Now();
  if (!shown_ || closed_ || (!always && now - last_drawn_ < kRedraw)) return;
  last_drawn_ = now;
  absl::FPrintF(stderr, "\r\033[K%s", Line(now));
  std::fflush(stderr);
}

}  // namespace vidmuse
