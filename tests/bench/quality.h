// How far a precision's results are from float32's.
#ifndef VIDMUSE_TESTS_BENCH_QUALITY_H_
#define VIDMUSE_TESTS_BENCH_QUALITY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "tests/bench/bench_model.h"

namespace vidmuse {

// One song's first `steps` sequence steps for a random video of `seconds`: float32 draws the tokens
// (temperature 1, top_k 250, the model's guidance), and every precision is fed the same ones.
absl::StatusOr<nlohmann::json> MeasureQuality(const BenchModel& source,
                                              const std::vector<std::string>& precisions,
                                              int seconds, int steps);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_BENCH_QUALITY_H_
