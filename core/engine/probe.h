// Tests whether a model still works at all.
#ifndef VIDMUSE_ENGINE_PROBE_H_
#define VIDMUSE_ENGINE_PROBE_H_

#include "absl/status/status.h"
#include "core/model/music_model.h"

namespace vidmuse {

// Encodes a black picture, opens a window over it and runs a step, which is what every request
// needs of a device. Returns the first error. This tells a device that fails at everything from a
// single request that fails. Takes about as long as encoding one frame of a video. The device
// thread calls it between two steps.
absl::Status ProbeModel(MusicModel& model);

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_PROBE_H_
