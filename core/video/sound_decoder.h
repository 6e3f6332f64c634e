// Turns a sound file in memory into samples: a short one that a request sends, or a whole one.
#ifndef VIDMUSE_VIDEO_SOUND_DECODER_H_
#define VIDMUSE_VIDEO_SOUND_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/base/cancel.h"
#include "core/video/decode_watch.h"
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

// Of all channels of a whole sound together: 1 GiB of memory.
inline constexpr uint64_t kMostWholeSoundSamples = uint64_t{1} << 28;

// What a decoded sound may be.
struct SoundLimits {
  absl::string_view subject = kWholeSoundSubject;  // what errors call the sound
  double most_seconds = 0;
  uint64_t most_samples = kMostWholeSoundSamples;  // of all channels of a whole sound together
  bool is_prompt = false;                          // errors name the limits that requests have

  // INVALID_ARGUMENT, all of them.
  absl::Status Refuse(absl::string_view what) const;
  absl::Status CheckKind(int sample_rate, int channels) const;
  absl::Status CheckNotTooLong(int64_t samples, int sample_rate) const;
  absl::Status CheckPlausible(absl::Span<const float> samples) const;

 private:
  absl::Status OverLimit(absl::string_view what, double value, absl::string_view limit,
                         double most) const;
};

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

// Samples of each channel that a whole sound's decoder hands over at once.
inline constexpr size_t kMostSoundPart = 65536;

// A sound with its file's own rate and channels.
struct WholeSound {
  int sample_rate = 0;                       // Hz
  std::vector<std::vector<float>> channels;  // [C][T]

  // Adds samples of every channel, [C][n]. INVALID_ARGUMENT: they don't continue the sound, aren't
  // plausible, or it is over the limits then.
  absl::Status Append(int rate, const std::vector<std::vector<float>>& more,
                      const SoundLimits& limits);
};

// Decoding a whole sound file of `bytes` may take ReadTimeLimit, and a tenth of the longest length
// that it may have, limits.max_video_seconds.
absl::Duration WholeSoundTimeLimit(uint64_t bytes, const Limits& limits);

// Takes samples of every channel, [C][n], where n is at most kMostSoundPart.
using TakeWholeSound =
    std::function<absl::Status(int sample_rate, const std::vector<std::vector<float>>& channels)>;

// Decodes the best audio stream of `file`, of at most limits.max_video_seconds, as DecodeSound
// does, but part by part. Errors are those of DecodeSound and of `take`.
absl::Status DecodeWholeSound(absl::string_view file, const Limits& limits,
                              const CancelFlag& cancel, const TakeWholeSound& take);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_SOUND_DECODER_H_
