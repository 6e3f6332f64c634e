// Whether this machine computes what it should.
#ifndef VIDMUSE_SELF_TEST_H_
#define VIDMUSE_SELF_TEST_H_

#include <functional>
#include <string>

#include "absl/status/status.h"

namespace vidmuse {

// Runs a small made-up model, from video frames to samples, and compares its tokens and its audio
// with what they are known to be: a processor, a library or a build that computes something else is
// found before it serves. Takes a fraction of a second, needs no file. INTERNAL says what differs.
absl::Status SelfTest();

// SelfTest, and the same model on every GPU of `devices` (as GeneratorOptions::device, which may
// leave none), in `precision`: its logits against the CPU's, its greedy tokens, its audio. Tells of
// each device, the CPU included, how far it is off and how long a step takes. INTERNAL names the
// device and what differs; FAILED_PRECONDITION: a device that was asked for isn't there.
absl::Status SelfTestDevices(const std::string& devices, const std::string& precision,
                             const std::function<void(const std::string&)>& tell);

}  // namespace vidmuse

#endif  // VIDMUSE_SELF_TEST_H_
