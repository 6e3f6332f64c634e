// How much of a sound is silent.
#ifndef VIDMUSE_CURATE_SILENCE_H_
#define VIDMUSE_CURATE_SILENCE_H_

#include "core/extractors/features.h"

namespace vidmuse::curate {

// The share of tenths of a second whose RMS over all channels is under -60 dBFS, in [0, 1]. The
// last, shorter one counts as the others.
double SilentShare(const Sound& sound);

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_SILENCE_H_
