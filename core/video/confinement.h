// What the decoder program does to itself before it looks at a video.
#ifndef VIDMUSE_VIDEO_CONFINEMENT_H_
#define VIDMUSE_VIDEO_CONFINEMENT_H_

#include "absl/status/status.h"
#include "vidmuse/types.h"

namespace vidmuse {

// Limits of the process: no new descriptors (so no files, no sockets), no new processes, no core
// dumps, no new privileges; memory for the program as it is, for the frames of the longest video,
// and for limits.max_decoder_bytes; processor time a little over the time limit of a video. The
// kernel takes this process first when memory runs out.
//
// Built with a sanitizer, whose tables take terabytes of addresses, memory isn't limited.
absl::Status LimitResources(const Limits& limits);

// Allows the system calls that decoding in one thread needs: memory that isn't executable, the
// clock, writing to kAnswerFd. Looking at files by name fails with EACCES; any other call ends the
// process with SIGSYS.
// UNAVAILABLE: the kernel does not take the filter. Built with a sanitizer, which needs other
// calls, nothing is filtered.
absl::Status FilterSystemCalls();

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_CONFINEMENT_H_
