#include "client/cli/load_stats.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"

namespace vidmuse {
namespace {

nlohmann::json Summary(const Percentiles& values) {
  return {{"p50", values.At(0.5)},
          {"p90", values.At(0.9)},
          {"p99", values.At(0.99)},
          {"max", values.At(1)}};
}

}  // namespace

double Percentiles::At(double share) const {
  if (values_.empty()) return 0;
  std::vector<double> sorted = values_;
  const double rank = std::ceil(share * static_cast<double>(sorted.size()));
  const auto at = sorted.begin() + std::max<int64_t>(static_cast<int64_t>(rank) - 1, 0);
  std::nth_element(sorted.begin(), at, sorted.end());
  return *at;
}

void Listener::OnChunk(absl::Duration now, double audio_seconds) {
  if (audio_seconds <= 0) return;
  if (!heard()) {
    first_ = now;
  } else {
    gaps_.push_back(absl::ToDoubleSeconds(now - last_));
    const absl::Duration dry = now - first_ - stalled_ - absl::Seconds(seconds_);
    if (dry > absl::ZeroDuration()) {
      ran_dry_ = true;
      stalled_ += dry;
    }
  }
  last_ = now;
  seconds_ += audio_seconds;
}

void LoadStats::OnStart() {
  MutexLock lock(&mutex_);
  ++started_;
}

void LoadStats::OnAudio(absl::Duration now, double audio_seconds) {
  MutexLock lock(&mutex_);
  if (now - begin_ <= absl::Seconds(seconds_)) audio_seconds_ += audio_seconds;
}

void LoadStats::OnEnd(const Listener& listener, const absl::Status& status,
                      double request_seconds) {
  MutexLock lock(&mutex_);
  ++ended_;
  ++codes_[absl::StatusCodeToString(status.code())];
  if (listener.heard()) first_audio_.Add(listener.first_audio_seconds());
  for (const double gap : listener.inter_chunk_seconds()) inter_chunk_.Add(gap);
  underruns_ += listener.ran_dry() ? 1 : 0;
  if (!status.ok()) return;
  ++whole_;
  request_.Add(request_seconds);
  real_time_.Add(listener.audio_seconds() / std::max(request_seconds, 1e-9));
}

std::string LoadStats::Line(absl::Duration now) const {
  MutexLock lock(&mutex_);
  const double passed = std::clamp(absl::ToDoubleSeconds(now - begin_), 1e-9, seconds_);
  return absl::StrFormat(
      "%d songs whole, %d failed, %d running; %.2f s of music a second; first audio %.2f s (p50), "
      "%.2f s (p99); %d ran dry",
      whole_, ended_ - whole_, started_ - ended_, audio_seconds_ / passed, first_audio_.At(0.5),
      first_audio_.At(0.99), underruns_);
}

nlohmann::json LoadStats::Json() const {
  MutexLock lock(&mutex_);
  return {{"requests", started_},
          {"codes", codes_},
          {"seconds", seconds_},
          {"audio_seconds_per_second", audio_seconds_ / seconds_},
          {"realtime_factor", real_time_.At(0.5)},
          {"time_to_first_audio_seconds", Summary(first_audio_)},
          {"inter_chunk_seconds", Summary(inter_chunk_)},
          {"request_seconds", Summary(request_)},
          {"underruns", underruns_}};
}

int64_t LoadStats::whole() const {
  MutexLock lock(&mutex_);
  return whole_;
}

}  // namespace vidmuse
