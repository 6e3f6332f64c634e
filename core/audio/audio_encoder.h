// Samples to the bytes of an audio format, in memory.
#ifndef VIDMUSE_AUDIO_AUDIO_ENCODER_H_
#define VIDMUSE_AUDIO_AUDIO_ENCODER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "vidmuse/types.h"

namespace vidmuse {

// The bytes, all pieces joined, don't depend on how the samples were cut, and are the same on every run.
// Used by one thread at a time.
class AudioEncoder {
 public:
  // `total_samples`: the song's length, known from the start, so that a WAV header is right at once.
  static absl::StatusOr<std::unique_ptr<AudioEncoder>> Create(AudioFormat format, int sample_rate,
                                                              int channels, int64_t total_samples);
  virtual ~AudioEncoder() = default;

  // Appends to `out` the bytes that are ready; with `last`, the rest and the file's end.
  virtual absl::Status Encode(absl::Span<const float> samples, bool last, std::string* out) = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_AUDIO_AUDIO_ENCODER_H_
