// Tests whether this machine computes the expected results.
#ifndef VIDMUSE_SELF_TEST_H_
#define VIDMUSE_SELF_TEST_H_

#include <functional>
#include <string>

#include "absl/status/status.h"

namespace vidmuse {

// Runs a small synthetic model from video frames to samples, and compares its tokens and audio with
// known ones. This finds a processor, library or build that computes wrongly before it serves.
// Takes a fraction of a second and needs no file. INTERNAL says what differs.
absl::Status SelfTest();

// Runs SelfTest, then the same model in `precision` on every GPU of `devices` (written as
// GeneratorOptions::device; there may be none), and compares its logits with the CPU's, its greedy
// tokens and its audio. Calls `tell` for each device, the CPU included, with its deviation and the
// time of a step. INTERNAL names the device and what differs; FAILED_PRECONDITION means that a
// requested device doesn't exist.
absl::Status SelfTestDevices(const std::string& devices, const std::string& precision,
                             const std::function<void(const std::string&)>& tell);

}  // namespace vidmuse

#endif  // VIDMUSE_SELF_TEST_H_
