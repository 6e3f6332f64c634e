// The models that the benchmark measures: random weights of a published scale, or a checkpoint.
#ifndef VIDMUSE_TESTS_BENCH_BENCH_MODEL_H_
#define VIDMUSE_TESTS_BENCH_BENCH_MODEL_H_

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/model/cpu_music_model.h"
#include "core/model/hash_model/hash_model.h"
#include "core/model/music_model.h"

namespace vidmuse {

class Stopwatch {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

struct BenchModel {
  std::string scale;      // tiny, small, medium or large: weights are hashes of their names
  std::string model_dir;  // a checkpoint instead, if it isn't empty
  int threads = 0;        // of a step, and of encoding; 0: one a core
};

// Of a published scale, or "tiny". INVALID_ARGUMENT: another one.
absl::StatusOr<HashModelSizes> ScaleSizes(const std::string& scale);

// `load_seconds`: without the time that it takes to make the weights.
absl::StatusOr<std::unique_ptr<CpuMusicModel>> MakeModel(const BenchModel& source,
                                                         const std::string& precision,
                                                         double* load_seconds);

// Two local frames a second, all different.
VideoFrames RandomVideo(int seconds);

// One request of the batch.
struct Stream {
  std::unique_ptr<Window> window;
  SamplingOptions sampling;
  std::vector<int32_t> tokens;  // of the next step
};

// Feeds `count` sequence steps, all alike, to each stream and draws the next.
absl::Status Step(MusicModel& model, absl::Span<Stream> streams, int count);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_BENCH_BENCH_MODEL_H_
