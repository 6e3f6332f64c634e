// Only for the decoder program: linking this replaces the process's allocation functions.
#ifndef VIDMUSE_VIDEO_OUT_OF_MEMORY_H_
#define VIDMUSE_VIDEO_OUT_OF_MEMORY_H_

namespace vidmuse {

// From now on a failed allocation ends the process with kExitOutOfMemory. FFmpeg would treat it as
// damage in the video, and continue without the frame.
void ExitWhenOutOfMemory();

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_OUT_OF_MEMORY_H_
