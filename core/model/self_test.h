// The check that a loaded model runs at all; see also vidmuse/self_test.h.
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
  float margin = 0;             // by which the closest of the greedy choices was won
  double rms = 0;               // of the audio of the first frames
  std::vector<float> logits;    // [steps][codebooks][card], guided
  double step_seconds = 0;      // the fastest of the steps
};

// Greedy tokens for one second of made-up frames, `steps` steps of them, and their audio. INTERNAL:
// the logits or the samples are not finite.
absl::StatusOr<SelfTestSong> MakeSelfTestSong(MusicModel& model, int steps);

// The hash model's song where `options` says, against `reference`, the CPU's. Returns how far off it
// is, for people. INTERNAL: another token; logits further off than the precision explains, by 1e-3 of
// the largest for fp32, 1e-2 for fp16, 0.1 for bf16; other audio. Errors of LoadModel.
absl::StatusOr<std::string> TestDevice(const ModelOptions& options, const SelfTestSong& reference);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_SELF_TEST_H_
