// The models that the benchmark measures: random weights at a published scale, or a checkpoint.
#ifndef VIDMUSE_TESTS_BENCH_BENCH_MODEL_H_
#define VIDMUSE_TESTS_BENCH_BENCH_MODEL_H_

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/model/cpu/music_model.h"
#include "core/model/music_model.h"
#include "core/model/synthetic/hash_model.h"
#include "vidmuse/sampling_options.h"

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
  // "tiny", "small", "medium" or "large". The weights are hashes of their names.
  std::string scale;
  // If not empty, the checkpoint in this directory is loaded instead.
  std::string model_dir;
  // Threads of a step and of video encoding; 0 means one per core.
  int threads = 0;
};

// Sizes of a published scale or of "tiny". INVALID_ARGUMENT for other names.
absl::StatusOr<HashModelSizes> ScaleSizes(const std::string& scale);

// Loads the model. `load_seconds` excludes the time to make random weights.
absl::StatusOr<std::unique_ptr<CpuMusicModel>> MakeModel(const BenchModel& source,
                                                         const std::string& precision,
                                                         double* load_seconds);

// A video of random pixels: two local frames per second and the global frames, all different, or
// `distinct` local frames over and over.
VideoFrames RandomVideo(int seconds, int distinct = 0);

// One request of a batch.
struct Stream {
  std::unique_ptr<Window> window;
  SamplingOptions sampling;
  std::vector<int32_t> tokens;  // input of the next step
};

// Feeds each stream its tokens `count` times as sequence steps, then draws its next tokens.
absl::Status Step(MusicModel& model, absl::Span<Stream> streams, int count);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_BENCH_BENCH_MODEL_H_
