// Checks that a loaded model runs at all. See also vidmuse/self_test.h.
#ifndef VIDMUSE_MODEL_SELF_TEST_H_
#define VIDMUSE_MODEL_SELF_TEST_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/load_model.h"
#include "core/model/music_model.h"

namespace vidmuse {

struct SelfTestSong {
  std::vector<int32_t> tokens;  // [steps][codebooks], as they were drawn
  // Smallest distance between the largest and the second largest logit in any greedy choice.
  float margin = 0;
  double rms = 0;             // of the audio
  std::vector<float> logits;  // [steps][codebooks][card], guided
  double step_seconds = 0;    // of the fastest step
};

// Draws `steps` steps of greedy tokens for one second of made-up frames, and decodes their audio.
// INTERNAL: the logits or the samples are not finite.
absl::StatusOr<SelfTestSong> MakeSelfTestSong(MusicModel& model, int steps);

// Makes the hash model's song on the device of `options` and compares it with `reference`, the
// CPU's. Returns a readable message that says how far off it is. INTERNAL: a token differs, the
// audio differs, or a logit differs by more than the precision explains: 1e-3 of the largest logit
// for fp32, 1e-2 for fp16, 0.1 for others. Passes on LoadModel's errors.
absl::StatusOr<std::string> TestDevice(const ModelOptions& options, const SelfTestSong& reference);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_SELF_TEST_H_
