// How the decoder program confines itself before it looks at a video.
#ifndef VIDMUSE_VIDEO_CONFINEMENT_H_
#define VIDMUSE_VIDEO_CONFINEMENT_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "vidmuse/limits.h"

namespace vidmuse {

// Sets limits of the process that hold even without the system call filter: no new descriptors (and
// so no files or sockets), no new processes, no core dumps, no new privileges. Memory is limited to
// the program's present size, plus the frames of the longest video, plus limits.max_decoder_bytes,
// and processor time to a little more than a video's time limit. The kernel is asked to kill this
// process before others when memory runs out.
//
// Where the kernel allows it, the process also loses access to files by name, TCP, abstract Unix
// sockets and signals to other processes (Landlock), and becomes "nobody" if it was root, so that
// no limit can be raised again.
//
// Builds with a sanitizer limit neither memory (the sanitizer's tables take terabytes of addresses)
// nor files and the user (the sanitizer needs files).
absl::Status LimitResources(const Limits& limits);

// Limits the processor time of the whole process to `time_limit` and `slack`, in whole seconds. It
// never raises an existing limit.
void LimitProcessorTime(absl::Duration time_limit, absl::Duration slack = absl::Seconds(10));

// Allows only the system calls that decoding in one thread needs: non-executable memory, the clock,
// writing to kAnswerFd, and lowering the limit of processor time. Looking at files by name fails
// with EACCES; any other call ends the process with SIGSYS. UNAVAILABLE means that the kernel
// doesn't accept the filter. Builds with a sanitizer, which needs other calls, filter nothing.
absl::Status FilterSystemCalls();

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_CONFINEMENT_H_
