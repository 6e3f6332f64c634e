// The check that a loaded model runs at all; see also vidmuse/self_test.h.
#ifndef VIDMUSE_MODEL_SELF_TEST_H_
#define VIDMUSE_MODEL_SELF_TEST_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/music_model.h"

namespace vidmuse {

struct SelfTestSong {
  std::vector<int32_t> tokens;  // [steps][codebooks], as they were drawn
  float margin = 0;             // by which the closest of the greedy choices was won
  double rms = 0;               // of the audio of the first frames
};

// Greedy tokens for one second of made-up frames, `steps` steps of them, and their audio. INTERNAL:
// the logits or the samples are not finite.
absl::StatusOr<SelfTestSong> MakeSelfTestSong(MusicModel& model, int steps);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_SELF_TEST_H_
