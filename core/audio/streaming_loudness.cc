#include "core/audio/streaming_loudness.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

constexpr size_t kLookaheadHops = 4;
constexpr double kHopSeconds = 0.1;
constexpr double kMinGainDb = -40;
constexpr double kMaxGainDb = 20;
constexpr double kMaxFallDb = 6 * kHopSeconds;  // 6 dB per second
constexpr double kMaxRiseDb = 2 * kHopSeconds;  // 2 dB per second
// How far a loud passage may be above the target.
constexpr double kShortTermRangeLu = 6;

double Linear(double db) { return std::pow(10.0, db / 20.0); }

}  // namespace

StreamingLoudness::StreamingLoudness(int sample_rate, LoudnessMeter input_meter,
                                     PeakLimiter limiter, LoudnessMeter output_meter)
    : hop_samples_(static_cast<size_t>((sample_rate + 5) / 10)),  // as libebur128 rounds its step
      input_meter_(std::move(input_meter)),
      limiter_(std::move(limiter)),
      output_meter_(std::move(output_meter)) {}

absl::Status StreamingLoudness::Process(absl::Span<const float> samples, bool last,
                                        std::vector<float>* out) {
  const size_t before = out->size();
  while (!samples.empty()) {
    const size_t take = std::min(samples.size(), hop_samples_ - (held_.size() - measured_));
    held_.insert(held_.end(), samples.begin(), samples.begin() + static_cast<int64_t>(take));
    samples.remove_prefix(take);
    if (held_.size() - measured_ == hop_samples_) {
      RETURN_IF_ERROR(MeasureHop());
      if (measured_ == kLookaheadHops * hop_samples_) RETURN_IF_ERROR(EmitHop(out));
    }
  }
  if (last) {
    RETURN_IF_ERROR(MeasureHop());
    while (!held_.empty()) RETURN_IF_ERROR(EmitHop(out));
    RETURN_IF_ERROR(limiter_.Process({}, /*last=*/true, out));
  }
  return output_meter_.Add(absl::MakeConstSpan(*out).subspan(before));
}

absl::Status StreamingLoudness::MeasureHop() {
  RETURN_IF_ERROR(input_meter_.Add(absl::MakeConstSpan(held_).subspan(measured_)));
  measured_ = held_.size();
  return absl::OkStatus();
}

absl::Status StreamingLoudness::EmitHop(std::vector<float>* out) {
  const double next_db = NextGainDb();
  const double from = Linear(first_hop_ ? next_db : gain_db_);
  const double slope = (Linear(next_db) - from) / static_cast<double>(hop_samples_);
  const size_t count = std::min(hop_samples_, held_.size());
  scaled_.resize(count);
  for (size_t i = 0; i < count; ++i) {
    scaled_[i] = static_cast<float>(held_[i] * (from + slope * static_cast<double>(i)));
  }
  held_.erase(held_.begin(), held_.begin() + static_cast<int64_t>(count));
  measured_ -= count;
  gain_db_ = next_db;
  first_hop_ = false;
  return limiter_.Process(scaled_, /*last=*/false, out);
}

// Returns the gain at the end of the hop that leaves now.
double StreamingLoudness::NextGainDb() {
  const double integrated = input_meter_.Integrated();
  if (!std::isfinite(integrated)) return gain_db_;  // silence so far
  const double lufs = std::max(integrated, input_meter_.ShortTerm() - kShortTermRangeLu);
  const double aim_db = std::clamp(kTargetLufs - lufs, kMinGainDb, kMaxGainDb);
  // Everything before the first measurable sound was near silence, so a jump can't be heard.
  if (!std::exchange(gain_is_known_, true)) return aim_db;
  return std::clamp(aim_db, gain_db_ - kMaxFallDb, gain_db_ + kMaxRiseDb);
}

}  // namespace vidmuse
