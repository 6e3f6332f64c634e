// What the decoder program does to itself before it looks at a video.
#ifndef VIDMUSE_VIDEO_CONFINEMENT_H_
#define VIDMUSE_VIDEO_CONFINEMENT_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "vidmuse/types.h"

namespace vidmuse {

// Limits of the process, which hold without the filter too: no new descriptors (so no files, no
// sockets), no new processes, no core dumps, no new privileges; memory for the program as it is,
// for the frames of the longest video, and for limits.max_decoder_bytes; processor time a little
// over the time limit of a video. The kernel takes this process first when memory runs out.
//
// What the kernel allows of the following is done too: no files and no TCP by name (Landlock), and
// "nobody" instead of root, so that no limit can be raised again.
//
// Built with a sanitizer, whose tables take terabytes of addresses and which needs files, memory
// isn't limited, nor are files and the user.
absl::Status LimitResources(const Limits& limits);

// Processor time of the process, all in all: a little over `time_limit`, and no more than before.
void LimitProcessorTime(absl::Duration time_limit);

// Allows the system calls that decoding in one thread needs: memory that isn't executable, the
// clock, writing to kAnswerFd, less processor time. Looking at files by name fails with EACCES; any
// other call ends the process with SIGSYS. UNAVAILABLE: the kernel does not take the filter. Built
// with a sanitizer, which needs other calls, nothing is filtered.
absl::Status FilterSystemCalls();

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_CONFINEMENT_H_
