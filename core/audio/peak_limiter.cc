#include "core/audio/peak_limiter.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

constexpr double kCeiling = 0.8912509381337456;  // -1 dBTP
constexpr size_t kNodes = 5;                     // of look-ahead, and of the average
constexpr double kReleaseBlocks = 100;           // time constant in blocks

}  // namespace

PeakLimiter::PeakLimiter(int sample_rate, LoudnessMeter meter)
    : block_samples_(static_cast<size_t>(sample_rate / 1000)), meter_(std::move(meter)) {}

absl::Status PeakLimiter::Process(absl::Span<const float> samples, bool last,
                                  std::vector<float>* out) {
  while (!samples.empty()) {
    const size_t take = std::min(samples.size(), block_samples_ - (held_.size() - measured_));
    held_.insert(held_.end(), samples.begin(), samples.begin() + static_cast<int64_t>(take));
    samples.remove_prefix(take);
    if (held_.size() - measured_ == block_samples_) RETURN_IF_ERROR(MeasureBlock(out));
  }
  if (!last) return absl::OkStatus();
  if (held_.size() > measured_) RETURN_IF_ERROR(MeasureBlock(out));
  if (held_.empty()) return absl::OkStatus();
  AddPeak(0, out);  // the song is followed by silence
  AddNode(last_allowed_, out);
  while (!held_.empty()) AddNode(1, out);
  return absl::OkStatus();
}

absl::Status PeakLimiter::MeasureBlock(std::vector<float>* out) {
  RETURN_IF_ERROR(meter_.Add(absl::MakeConstSpan(held_).subspan(measured_)));
  measured_ = held_.size();
  AddPeak(meter_.LastTruePeak(), out);
  return absl::OkStatus();
}

// A peak may show only in the next block's measurement, so the newest gain is not final yet.
void PeakLimiter::AddPeak(double peak, std::vector<float>* out) {
  peaks_.push_back(peak);
  if (peaks_.size() < 2) return;
  const double highest = std::max(peaks_[0], peaks_[1]);
  peaks_.pop_front();
  const double allowed = highest > kCeiling ? kCeiling / highest : 1.0;
  AddNode(std::min(last_allowed_, allowed), out);
  last_allowed_ = allowed;
}

void PeakLimiter::AddNode(double allowed, std::vector<float>* out) {
  ahead_.push_back(allowed);
  if (ahead_.size() < kNodes) return;
  const double lowest = *std::min_element(ahead_.begin(), ahead_.end());
  ahead_.pop_front();
  if (released_.empty()) {
    released_.assign(kNodes, lowest);
    gain_ = lowest;
    return;
  }
  static const double kRelease = 1 - std::exp(-1 / kReleaseBlocks);
  const double previous = released_.back();
  released_.push_back(std::min(lowest, previous + (1 - previous) * kRelease));
  released_.pop_front();
  EmitBlock(std::accumulate(released_.begin(), released_.end(), 0.0) / kNodes, out);
}

void PeakLimiter::EmitBlock(double next_gain, std::vector<float>* out) {
  const size_t count = std::min(block_samples_, held_.size());
  const double slope = (next_gain - gain_) / static_cast<double>(block_samples_);
  constexpr float kBound = static_cast<float>(kCeiling);
  for (size_t i = 0; i < count; ++i) {
    const double gain = gain_ + slope * static_cast<double>(i);
    // The clamp removes only rounding errors.
    out->push_back(std::clamp(static_cast<float>(held_[i] * gain), -kBound, kBound));
  }
  held_.erase(held_.begin(), held_.begin() + static_cast<int64_t>(count));
  measured_ -= count;
  gain_ = next_gain;
}

}  // namespace vidmuse
