// Identifies the libraries that read videos and write audio, as far as they determine the output.
#ifndef VIDMUSE_AUDIO_MEDIA_LIBRARIES_H_
#define VIDMUSE_AUDIO_MEDIA_LIBRARIES_H_

#include <string>

namespace vidmuse {

// Returns a text that differs between machines whose libraries may decode a video to other pictures
// or encode the same samples to other bytes. It has the versions of FFmpeg's libraries and of the
// loudness library, the CPU features that FFmpeg uses, and a hash of each encoder's output for a
// known sound (FFmpeg doesn't tell the versions of LAME and libvorbis). The first call encodes two
// seconds of audio and the result is kept. Thread-safe. Throws std::bad_alloc.
const std::string& MediaLibraries();

}  // namespace vidmuse

#endif  // VIDMUSE_AUDIO_MEDIA_LIBRARIES_H_
