// How a video's pictures are matched with the music's time.
#ifndef VIDMUSE_ALIGNMENT_H_
#define VIDMUSE_ALIGNMENT_H_

#include <cstdint>

namespace vidmuse {

// See `Alignment` in music.proto for what each one means.
enum class Alignment : uint8_t { kReference, kTime };

}  // namespace vidmuse

#endif  // VIDMUSE_ALIGNMENT_H_
