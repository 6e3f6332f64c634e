#include "core/video/stream_clock.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace vidmuse {
namespace {

// At most this many pictures are stored after one that is shown after them.
constexpr size_t kMostReordered = 16;
// Differences up to this come from rounding and from inexact muxers.
constexpr int64_t kSlackUs = 500'000;
// The number of following packets that decide whether a time lies or the clock jumped.
constexpr size_t kVotes = 5;
// Sums of a few times beyond this could overflow.
constexpr int64_t kFarthest = std::numeric_limits<int64_t>::max() / 4;

bool IsFar(int64_t time) { return time > kFarthest || time < -kFarthest; }

}  // namespace

void Span::Add(int64_t start, int64_t length) {
  if (IsFar(start) || length < 0 || length > kFarthest) return;
  if (start >= last_start_) untimed_ = 0;
  start_ = std::min(start_, start);
  last_start_ = std::max(last_start_, start);
  end_ = std::max(end_, start + length);
  lengths_ += std::min(length, kFarthest - lengths_);
  ++packets_;
}

int64_t Span::length() const {
  const int64_t timed = packets_ > 1 && end_ <= last_start_ ? interval() * packets_
                        : packets_ > 0                      ? end_ - start_
                                                            : 0;
  return timed + std::min(untimed_, kFarthest / (interval() + 1)) * interval();
}

int64_t Span::interval() const {
  if (packets_ == 0) return 0;
  if (packets_ == 1) return end_ - start_;
  return (last_start_ - start_) / (packets_ - 1);
}

StreamClock::StreamClock(bool reorders, int64_t longest_gap_us, bool keep_times)
    : reorder_(reorders ? kMostReordered : 0),
      longest_gap_(longest_gap_us),
      keep_times_(keep_times) {}

void StreamClock::Add(const PacketTimes& packet) {
  const std::optional<int64_t> shown = packet.shown ? packet.shown : packet.decoded;
  if (!shown || IsFar(*shown)) {
    all_timed_ = false;
    return;
  }
  Timed timed;
  timed.shown = *shown;
  if (packet.decoded && !IsFar(*packet.decoded)) timed.decoded = packet.decoded;
  if (packet.length > 0 && packet.length <= kLongestStillUs) timed.length = packet.length;
  pending_.push_back(timed);
  if (pending_.size() <= 2 * kMostReordered + kVotes) return;
  const Timed next = pending_.front();
  pending_.pop_front();
  Process(next);
}

void StreamClock::Finish() {
  while (!pending_.empty()) {
    const Timed next = pending_.front();
    pending_.pop_front();
    Process(next);
  }
}

int64_t StreamClock::length() const {
  return ended_length_ + std::min(SpanLength(), kFarthest - ended_length_);
}

// A muxer that lets no time go back writes the times after a wrong one, far ahead, almost all at
// once. Such a span is measured by its packets and not by its times.
bool StreamClock::IsSqueezed() const {
  return spans_ > 1 && span_.sum_of_lengths() / 2 > span_.length();
}

int64_t StreamClock::SpanLength() const {
  if (!IsSqueezed()) return span_.length();
  return std::max(span_.sum_of_lengths(),
                  std::min(span_.packets(), kFarthest / (last_interval_ + 1)) * last_interval_);
}

void StreamClock::Process(const Timed& packet) {
  const bool jumps = Jumps(packet);
  if (Lies(packet) || (jumps && OthersGoOn(packet))) {
    ++liars_;
    if (empty()) StartSpan(packet.shown);
    // Lying packets at the start of a span last as long as they say, later ones as long as an
    // average packet.
    if (latest_.empty()) {
      if (keep_times_) times_.push_back(ended_length_);
      ended_length_ += std::min(packet.length, kFarthest - ended_length_);
    } else {
      span_.AddUntimed();
      if (keep_times_) span_times_.push_back(latest_.back());
    }
    return;
  }
  if (empty() || jumps) StartSpan(packet.shown);
  if (latest_.empty() && liars_ > 0 && spans_ == 1) start_ = packet.shown;
  Accept(packet);
}

std::vector<int64_t> StreamClock::TakeTimes() {
  if (!all_timed_) return {};
  PlaceSpan();
  std::sort(times_.begin(), times_.end());
  return std::move(times_);
}

void StreamClock::PlaceSpan() {
  const auto packets = static_cast<double>(span_times_.size());
  const auto length = static_cast<double>(SpanLength());
  for (size_t i = 0; i < span_times_.size(); ++i) {
    const int64_t moment = IsSqueezed()
                               ? static_cast<int64_t>(length * static_cast<double>(i) / packets)
                               : span_times_[i] - span_.start();
    times_.push_back(ended_length_ + moment);
  }
  span_times_.clear();
}

void StreamClock::StartSpan(int64_t start) {
  PlaceSpan();
  ended_length_ = length();
  last_interval_ = span_.interval();
  if (++spans_ == 1) start_ = start;
  span_ = Span();
  latest_.clear();
  last_decoded_.reset();
  last_end_ = start;
}

void StreamClock::Accept(const Timed& packet) {
  if (latest_.empty()) last_end_ = packet.shown;
  if (!latest_.empty()) {
    longest_seen_gap_ = std::max(longest_seen_gap_, packet.shown - latest_.back());
  }
  span_.Add(packet.shown, packet.length);
  if (keep_times_) span_times_.push_back(packet.shown);
  if (spans_ == 1) start_ = std::min(start_, packet.shown);
  last_end_ = std::max(last_end_, packet.shown + packet.length);
  last_decoded_ = packet.decoded;
  latest_.insert(std::upper_bound(latest_.begin(), latest_.end(), packet.shown), packet.shown);
  if (latest_.size() > reorder_ + 1) latest_.erase(latest_.begin());
}

bool StreamClock::Lies(const Timed& packet) const {
  // Nothing is shown before it is decoded.
  const bool decoded_in_time = packet.decoded && last_decoded_ &&
                               *packet.decoded >= *last_decoded_ &&
                               *packet.decoded <= *last_decoded_ + longest_gap_;
  if (decoded_in_time && packet.shown < *packet.decoded - kSlackUs) return true;
  if (!latest_.empty() && packet.shown <= latest_.back() + kSlackUs) return false;
  // The time lies if too many packets that are stored after it are shown before it.
  const auto before = std::count_if(pending_.begin(), pending_.end(), [&](const Timed& other) {
    return other.shown < packet.shown - kSlackUs;
  });
  return static_cast<size_t>(before) > std::max(reorder_, pending_.size() / 2) &&
         OthersGoOn(packet);
}

bool StreamClock::Jumps(const Timed& packet) const {
  if (latest_.empty()) return false;
  const int64_t latest = latest_.back();
  if (packet.shown > std::max(latest, last_end_) + longest_gap_) return true;
  if (packet.shown < latest - longest_gap_) return true;
  if (latest_.size() > reorder_ && packet.shown < latest_.front() - kSlackUs) return true;
  return packet.decoded && last_decoded_ && *packet.decoded < *last_decoded_ - kSlackUs &&
         packet.shown < latest - kSlackUs;
}

bool StreamClock::OthersGoOn(const Timed& packet) const {
  const size_t votes = std::min(pending_.size(), kVotes);
  if (latest_.empty()) return true;  // there are no earlier packets to contradict
  const int64_t interval = std::min(span_.interval(), kFarthest / 16);
  size_t go_on = 0;
  for (size_t i = 0; i < votes; ++i) {
    const int64_t passed = static_cast<int64_t>(i + 1) * interval;
    const int64_t from_old = std::abs(pending_[i].shown - (latest_.back() + passed));
    const int64_t from_this = std::abs(pending_[i].shown - (packet.shown + passed));
    go_on += from_old < from_this;
  }
  return 2 * go_on >= votes;
}

}  // namespace vidmuse
