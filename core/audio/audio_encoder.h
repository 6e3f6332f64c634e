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

// The bytes, all pieces joined, don't depend on how the samples were cut, and are the same on every
// run. Used by one thread at a time.
//
// kWav        44-byte header with the right sizes from the first call on, 16-bit PCM.
// kPcmS16le   16-bit: round(x * 32768), clamped to [-32768, 32767]; NaN becomes 0.
// kPcmF32le   The floats as they are, over 1 too.
// kFlac       The same 16-bit samples as kWav, losslessly. The header states the length but no MD5.
// kMp3        LAME, constant 128 kbit/s a channel, bare frames. Decoders see the encoder's delay:
// 1,105
//             samples of silence first, and some padding at the end.
// kOggVorbis  libvorbis, quality 6, a page at least each 200 ms. Decodes to the exact length.
// The last two clamp to [-1, 1] first.
class AudioEncoder {
 public:
  // `total_samples`: the song's length per channel, known from the start, so that headers are right
  // at once. `channels`: 1 or 2, interleaved. INVALID_ARGUMENT names the format, rate, channels or
  // length that can't be encoded; a WAV file ends at 4 GiB.
  static absl::StatusOr<std::unique_ptr<AudioEncoder>> Create(AudioFormat format, int sample_rate,
                                                              int channels, int64_t total_samples);
  virtual ~AudioEncoder() = default;

  // Appends to `out` the bytes that are ready; with `last`, the rest and the file's end. Samples
  // held back: less than the codec's frame and delay. INTERNAL if the song turns out longer or
  // shorter than `total_samples`; FAILED_PRECONDITION after `last`. After an error the encoder
  // can't go on.
  virtual absl::Status Encode(absl::Span<const float> samples, bool last, std::string* out) = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_AUDIO_AUDIO_ENCODER_H_
