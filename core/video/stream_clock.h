// Measures how long a stream plays by the times of its packets. Where recordings were joined end to
// end, or single times are wrong, it counts the packets that are there, not what the times claim. A
// time that its neighbours contradict is said to lie.
#ifndef VIDMUSE_VIDEO_STREAM_CLOCK_H_
#define VIDMUSE_VIDEO_STREAM_CLOCK_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <vector>

namespace vidmuse {

// One packet's times in microseconds; unknown ones are empty.
struct PacketTimes {
  std::optional<int64_t> shown;    // presentation time
  std::optional<int64_t> decoded;  // decoding time
  int64_t length = 0;              // 0 if unknown
};

// The times of a whole stretch of packets, from the first start to the last end. Times further from
// 0 than a quarter of int64_t's range count as damage and are ignored.
class Span {
 public:
  void Add(int64_t start, int64_t length);
  // Adds a packet whose time can't be believed.
  void AddUntimed() { ++untimed_; }

  // In a stretch without lengths, the last packet counts as long as the average one.
  int64_t length() const;
  // The sum of the packets' own lengths.
  int64_t sum_of_lengths() const { return lengths_; }
  int64_t packets() const { return packets_; }
  int64_t start() const { return start_; }
  // The average time from one packet to the next.
  int64_t interval() const;

 private:
  int64_t packets_ = 0;
  int64_t lengths_ = 0;
  int64_t untimed_ = 0;  // packets since the one with the latest time
  int64_t start_ = std::numeric_limits<int64_t>::max();
  int64_t last_start_ = std::numeric_limits<int64_t>::min();
  int64_t end_ = std::numeric_limits<int64_t>::min();
};

// The longest time between two packets that counts as a still picture or silence, not as a jump of
// the clock. The first is for containers whose clock may jump, the same as in FFmpeg's own tool;
// the second is for others.
inline constexpr int64_t kLongestGapUs = 10'000'000;
inline constexpr int64_t kLongestStillUs = 3'600'000'000;

// Packets are added in the file's order. Memory use is bounded, but for the kept times. Not
// thread-safe.
class StreamClock {
 public:
  // `reorders` tells whether packets may be stored in another order than they are shown in.
  // `longest_gap_us` is one of the constants above. With `keep_times`, TakeTimes can be called.
  StreamClock(bool reorders, int64_t longest_gap_us, bool keep_times = false);

  void Add(const PacketTimes& packet);
  // Ends the input. The results below are valid only after it.
  void Finish();

  bool empty() const { return spans_ == 0; }
  // The first time, and the time that the packets take to play, without jumps of the clock and
  // times that lie.
  int64_t start() const { return start_; }
  int64_t length() const;
  // True if the clock never jumped and no time lied.
  bool steady() const { return spans_ <= 1 && liars_ == 0; }
  // The longest time from one packet to the next that counts towards the length.
  int64_t longest_gap() const { return longest_seen_gap_; }
  // Takes the moments, ascending, at which the packets play: times without the jumps of the clock,
  // from about 0 on. A packet whose time lies plays with one of its neighbours. Empty if a packet
  // has no time at all.
  std::vector<int64_t> TakeTimes();

 private:
  struct Timed {
    int64_t shown = 0;
    std::optional<int64_t> decoded;
    int64_t length = 0;
  };

  void Process(const Timed& packet);
  void StartSpan(int64_t start);
  void Accept(const Timed& packet);
  bool Lies(const Timed& packet) const;
  bool Jumps(const Timed& packet) const;
  // True if the packets after this one continue where those before it ended.
  bool OthersGoOn(const Timed& packet) const;
  bool IsSqueezed() const;
  int64_t SpanLength() const;
  // Adds the last span's moments to `times_`.
  void PlaceSpan();

  const size_t reorder_;  // how many packets may be shown before one that is stored before them
  const int64_t longest_gap_;
  const bool keep_times_;
  bool all_timed_ = true;       // every packet had a time
  std::vector<int64_t> times_;  // see TakeTimes; of all spans but the last one
  std::deque<Timed> pending_;   // not yet processed, since later packets decide
  int64_t spans_ = 0;           // stretches without a jump
  int64_t start_ = 0;           // of the first span
  int64_t ended_length_ = 0;    // of all spans but the last one
  int64_t last_interval_ = 0;   // from packet to packet in the last span that ended
  int64_t liars_ = 0;           // packets whose time lies
  int64_t longest_seen_gap_ = 0;
  // These are of the last span:
  Span span_;
  std::vector<int64_t> latest_;  // its latest times, ascending
  std::optional<int64_t> last_decoded_;
  int64_t last_end_ = 0;
  std::vector<int64_t> span_times_;  // if kept: on the span's own clock, in the file's order
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_STREAM_CLOCK_H_
