// The libraries that read videos and write audio, as far as they decide what comes out.
#ifndef VIDMUSE_AUDIO_MEDIA_LIBRARIES_H_
#define VIDMUSE_AUDIO_MEDIA_LIBRARIES_H_

#include <string>

namespace vidmuse {

// Text that differs between machines whose libraries may make other pictures of a video or other
// bytes of the same samples: the versions of FFmpeg's libraries and of the loudness library, the
// CPU features that FFmpeg uses, and a hash of what each audio encoder makes of a known sound (LAME
// and libvorbis don't say their version through FFmpeg). Encodes two seconds of audio the first
// time, then it is kept for the process. Thread-safe. Throws std::bad_alloc.
const std::string& MediaLibraries();

}  // namespace vidmuse

#endif  // VIDMUSE_AUDIO_MEDIA_LIBRARIES_H_
