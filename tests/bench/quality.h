// Measures how far a precision's results are from those of float32.
#ifndef VIDMUSE_TESTS_BENCH_QUALITY_H_
#define VIDMUSE_TESTS_BENCH_QUALITY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "tests/bench/bench_model.h"

namespace vidmuse {

struct QualityOptions {
  std::vector<std::string> precisions;
  std::string videos;  // a folder: every file in it is a video; empty: one of random pixels
  int seconds = 30;    // the most of each video
  int steps = 20;
};

// Compares the logits of the first steps of a song for each video. Float32 draws the tokens
// (temperature 1, top_k 250, the model's default guidance), and every precision is fed the same
// tokens. Says which precision to take: the fastest that is near float32 on the
// average of the videos.
// INVALID_ARGUMENT names a file that is no video.
absl::StatusOr<nlohmann::json> MeasureQuality(const BenchModel& source,
                                              const QualityOptions& options);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_BENCH_QUALITY_H_
