// Measures the codec's decoder alone: its time and, for reduced precisions, its distance from fp32.
#ifndef VIDMUSE_TESTS_BENCH_CODEC_BENCH_H_
#define VIDMUSE_TESTS_BENCH_CODEC_BENCH_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "tests/bench/bench_model.h"

namespace vidmuse {

// Decodes `seconds` seconds of random tokens, a second at a time, in each of the precisions, for
// each number of streams at once. The measurements take turns, `rounds` times, so that all of them
// meet the machine as it is at that time. Each stream has a thread of its own.
absl::StatusOr<nlohmann::json> MeasureCodecs(const BenchModel& source,
                                             const std::vector<std::string>& precisions,
                                             const std::vector<int>& stream_counts, int seconds,
                                             int rounds);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_BENCH_CODEC_BENCH_H_
