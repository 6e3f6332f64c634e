// For the decoder program alone: linking this replaces the process's allocation functions.
#ifndef VIDMUSE_VIDEO_OUT_OF_MEMORY_H_
#define VIDMUSE_VIDEO_OUT_OF_MEMORY_H_

namespace vidmuse {

// From now on an allocation that fails ends the process with kExitOutOfMemory. FFmpeg would take it
// for damage in the video, and go on without the frame.
void ExitWhenOutOfMemory();

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_OUT_OF_MEMORY_H_
