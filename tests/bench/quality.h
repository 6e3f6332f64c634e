// Measures how far a precision's results are from those of float32.
#ifndef VIDMUSE_TESTS_BENCH_QUALITY_H_
#define VIDMUSE_TESTS_BENCH_QUALITY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "tests/bench/bench_model.h"

namespace vidmuse {

// Compares the logits of the first `steps` sequence steps of a song for a random video of
// `seconds`. Float32 draws the tokens (temperature 1, top_k 250, the model's default guidance), and
// every precision is fed the same tokens.
absl::StatusOr<nlohmann::json> MeasureQuality(const BenchModel& source,
                                              const std::vector<std::string>& precisions,
                                              int seconds, int steps);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_BENCH_QUALITY_H_
