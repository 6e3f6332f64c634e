// Whether a clip can be read, how long it is, and what it is like at first sight.
#ifndef VIDMUSE_CURATE_PROBE_STAGE_H_
#define VIDMUSE_CURATE_PROBE_STAGE_H_

#include <memory>

#include "core/curate/sources.h"
#include "core/curate/stage.h"

namespace vidmuse::curate {

// The stage "probe". It measures
//
//   video_hash                      of the file's bytes, which tells copies
//   has_video, has_audio            whether there is a stream that can be decoded
//   seconds                         of the picture
//   width, height, frame_rate       as shown
//   border_left, _right, _top, _bottom   black in all of the first pictures: shares of the side
//   sample_rate, channels, sound_seconds, peak   of the sound; peak: the largest absolute sample
//   silent_share                    of the sound's tenths of a second, those under -60 dBFS (RMS)
//   video_problem, audio_problem    why a stream can't be decoded
std::unique_ptr<Stage> NewProbeStage(SoundSource sounds, PictureSource pictures);

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_PROBE_STAGE_H_
