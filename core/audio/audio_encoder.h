// Encodes samples into an audio format, in memory.
#ifndef VIDMUSE_AUDIO_AUDIO_ENCODER_H_
#define VIDMUSE_AUDIO_AUDIO_ENCODER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/origin_mark.h"
#include "vidmuse/audio_format.h"

namespace vidmuse {

// The concatenated output doesn't depend on how the samples were split into calls, and is the same
// on every run. Used by one thread at a time.
//
// kWav        A header with the final sizes, returned by the first call, then 16-bit PCM. The
// header
//             has 44 bytes, or kMarkedWavHeaderBytes with a mark of origin: LIST/INFO and XMP.
// kPcmS16le   16-bit: round(x * 32768), clamped to [-32768, 32767]; NaN becomes 0.
// kPcmF32le   The unchanged floats, even those beyond [-1, 1].
// kFlac       The same 16-bit samples as kWav, losslessly. The header has the length but no MD5.
// kMp3        LAME, constant 128 kbit/s per channel, bare frames. Because of the encoder's delay,
//             decoders see 1,105 samples of silence first, and some padding at the end. A mark of
//             origin is an ID3v2.4 tag before them.
// kOggVorbis  libvorbis, quality 6, at least one page per 200 ms. Decodes to the exact length.
//
// kMp3 and kOggVorbis clamp the samples to [-1, 1] first. In kFlac and kOggVorbis, a mark of origin
// is Vorbis comments. kPcmS16le and kPcmF32le have no room for one.
class AudioEncoder {
 public:
  // `total_samples` is the song's length per channel, needed because headers come first. `channels`
  // is 1 or 2, interleaved. `origin`: what the file says of its origin; none: nothing.
  // INVALID_ARGUMENT names the format, sample rate, number of channels or
  // length that can't be encoded; a WAV file has at most 4 GiB. UNIMPLEMENTED means that FFmpeg
  // lacks the encoder.
  static absl::StatusOr<std::unique_ptr<AudioEncoder>> Create(
      AudioFormat format, int sample_rate, int channels, int64_t total_samples,
      const std::optional<Origin>& origin = std::nullopt);
  virtual ~AudioEncoder() = default;

  // Appends the finished bytes to `out`; with `last`, also the rest and the end of the file. Less
  // than one codec frame and its delay is held back. Returns INTERNAL if the song turns out longer
  // or shorter than `total_samples`, and FAILED_PRECONDITION after `last`. After an error the
  // encoder is unusable.
  virtual absl::Status Encode(absl::Span<const float> samples, bool last, std::string* out) = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_AUDIO_AUDIO_ENCODER_H_
