// Turns a sound file in memory into samples.
#ifndef VIDMUSE_VIDEO_SOUND_DECODER_H_
#define VIDMUSE_VIDEO_SOUND_DECODER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/cancel.h"
#include "vidmuse/limits.h"

namespace vidmuse {

inline constexpr double kLeastSoundSeconds = 0.5;
inline constexpr double kMostSoundSeconds = 10;
inline constexpr int kLeastSoundRate = 1000;  // Hz
inline constexpr int kMostSoundRate = 384'000;
inline constexpr int kMostSoundChannels = 32;
// Samples are in [-1, 1] unless a file of floating-point numbers is louder than full scale.
inline constexpr float kMostSoundSample = 1000;
inline constexpr auto kMostSoundSamples = static_cast<uint64_t>(kMostSoundRate * kMostSoundSeconds);

struct DecodedSound {
  int sample_rate = 0;         // Hz
  std::vector<float> samples;  // the mean of all channels
};

// Decodes the best audio stream of `file`, as av_find_best_stream picks it. Stretches that can't be
// decoded are left out, unless they are more than half of the packets.
//
// INVALID_ARGUMENT: the file is no sound that can be read or has no audio stream, is too damaged,
// has a sample that isn't finite or is over kMostSoundSample, changes its sample rate, takes longer
// to decode than its size allows (ReadTimeLimit), or is outside the limits above. CANCELLED:
// `cancel` was set. Thread-safe.
absl::StatusOr<DecodedSound> DecodeSound(absl::string_view file, const Limits& limits,
                                         const CancelFlag& cancel);

// Checks what DecodeSound promises of its result. INVALID_ARGUMENT names what is wrong.
absl::Status CheckSound(const DecodedSound& sound);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_SOUND_DECODER_H_
