#include "core/video/early_decoder.h"

#include <sys/ioctl.h>

#include "core/video/sandbox_protocol.h"

namespace vidmuse {

void EarlyDecoder::Start() {
  MutexLock lock(&mutex_);
  if (over_) return;
  over_ = true;  // it is started at most once
  loan_ = setting_.budget.Lend(setting_.bytes, setting_.most, [this] { CallBack(); });
  if (!loan_) return;
  absl::StatusOr<DecoderProcess> process =
      DecoderProcess::Start(setting_.program, setting_.request, setting_.setup);
  if (process.ok()) {
    process_.emplace(*std::move(process));
  } else {
    setting_.budget.Return(*loan_);
    loan_.reset();
  }
}

void EarlyDecoder::CallBack() {
  MutexLock lock(&mutex_);
  loan_.reset();
  process_.reset();
}

void EarlyDecoder::DontStart() {
  MutexLock lock(&mutex_);
  over_ = true;
}

void EarlyDecoder::End() {
  MutexLock lock(&mutex_);
  over_ = true;
  process_.reset();
  if (loan_) setting_.budget.Return(*loan_);
  loan_.reset();
}

std::optional<EarlyDecoder::Running> EarlyDecoder::Take() {
  MutexLock lock(&mutex_);
  over_ = true;
  if (!loan_) return std::nullopt;
  std::optional<DecoderBudget::Share> share = setting_.budget.Keep(*loan_);
  loan_.reset();
  std::optional<DecoderProcess> process(std::move(process_));
  process_.reset();
  if (!share || !process) return std::nullopt;
  return Running{*std::move(process), *std::move(share)};
}

bool EarlyDecoder::HasFrame(size_t start_bytes) const {
  MutexLock lock(&mutex_);
  int waiting = 0;
  return process_ && ioctl(process_->answer(), FIONREAD, &waiting) == 0 &&
         static_cast<size_t>(waiting) > start_bytes;
}

}  // namespace vidmuse
