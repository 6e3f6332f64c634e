#ifndef VIDMUSE_AUDIO_FFMPEG_ENCODER_H_
#define VIDMUSE_AUDIO_FFMPEG_ENCODER_H_

#include <memory>
#include <optional>

#include "core/audio/audio_encoder.h"
#include "core/base/origin_mark.h"
#include "vidmuse/audio_format.h"

namespace vidmuse {

// Makes the encoders for kFlac, kMp3 and kOggVorbis. AudioEncoder::Create has checked the
// arguments.
absl::StatusOr<std::unique_ptr<AudioEncoder>> CreateFfmpegEncoder(
    AudioFormat format, int sample_rate, int channels, int64_t total_samples,
    const std::optional<Origin>& origin);

}  // namespace vidmuse

#endif  // VIDMUSE_AUDIO_FFMPEG_ENCODER_H_
