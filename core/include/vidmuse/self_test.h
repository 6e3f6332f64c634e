// Whether this machine computes what it should.
#ifndef VIDMUSE_SELF_TEST_H_
#define VIDMUSE_SELF_TEST_H_

#include "absl/status/status.h"

namespace vidmuse {

// Runs a small made-up model, from video frames to samples, and compares its tokens and its audio
// with what they are known to be: a processor, a library or a build that computes something else is
// found before it serves. Takes a fraction of a second, needs no file. INTERNAL says what differs.
absl::Status SelfTest();

}  // namespace vidmuse

#endif  // VIDMUSE_SELF_TEST_H_
