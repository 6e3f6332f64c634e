// The allowed ranges of a request's options, under their names in the API.
#ifndef VIDMUSE_BASE_OPTION_RANGE_H_
#define VIDMUSE_BASE_OPTION_RANGE_H_

#include "absl/status/status.h"

namespace vidmuse {

// A closed range.
struct OptionRange {
  const char* field;
  double low;
  double high;
};

inline constexpr OptionRange kTemperatureRange = {"sampling.temperature", 0, 10};
inline constexpr OptionRange kTopKRange = {"sampling.top_k", 0, 65536};
inline constexpr OptionRange kTopPRange = {"sampling.top_p", 0, 1};
inline constexpr OptionRange kCfgCoefRange = {"sampling.cfg_coef", 0, 20};
inline constexpr OptionRange kMaxDurationRange = {"max_duration_seconds", 1, 1e6};
inline constexpr OptionRange kMaxChunkRange = {"max_chunk_seconds", 0.02, 30};
inline constexpr OptionRange kWindowOverlapRange = {"window_overlap_seconds", 0.5, 20};
inline constexpr OptionRange kVariantsRange = {"variants", 1, 8};
inline constexpr OptionRange kVideoSecondsRange = {"video_seconds", 1, 1e9};

// Returns INVALID_ARGUMENT with the field, its value and its range if the value is outside. NaN is
// in no range.
absl::Status CheckRange(const OptionRange& range, double value);

// Like CheckRange of kWindowOverlapRange, but also for a value that isn't whole half seconds.
absl::Status CheckWindowOverlap(double seconds);

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_OPTION_RANGE_H_
