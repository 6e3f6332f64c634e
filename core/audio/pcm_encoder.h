#ifndef VIDMUSE_AUDIO_PCM_ENCODER_H_
#define VIDMUSE_AUDIO_PCM_ENCODER_H_

#include <memory>
#include <optional>

#include "core/audio/audio_encoder.h"
#include "core/base/origin_mark.h"
#include "vidmuse/audio_format.h"

namespace vidmuse {

// Makes the encoders for kWav, kPcmS16le and kPcmF32le. AudioEncoder::Create has checked the
// arguments.
absl::StatusOr<std::unique_ptr<AudioEncoder>> CreatePcmEncoder(AudioFormat format, int sample_rate,
                                                               int channels, int64_t total_samples,
                                                               const std::optional<Origin>& origin);

}  // namespace vidmuse

#endif  // VIDMUSE_AUDIO_PCM_ENCODER_H_
