// Whether a model still works at all.
#ifndef VIDMUSE_ENGINE_PROBE_H_
#define VIDMUSE_ENGINE_PROBE_H_

#include "absl/status/status.h"
#include "core/model/music_model.h"

namespace vidmuse {

// Encodes a black picture, opens a window over it and makes a step: what every request needs of a
// device. Takes about as long as encoding one frame of a video. Called by the device thread,
// between two steps. It tells a device that fails at everything from a request that fails.
absl::Status ProbeModel(MusicModel& model);

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_PROBE_H_
