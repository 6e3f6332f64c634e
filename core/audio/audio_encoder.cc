#include "core/audio/audio_encoder.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/audio/ffmpeg_encoder.h"
#include "core/audio/pcm_encoder.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

constexpr int kMinSampleRate = 8000;
constexpr int kMaxSampleRate = 192000;
constexpr int kMaxChannels = 2;

// Checks that the song has the announced length.
class CountingEncoder : public AudioEncoder {
 public:
  CountingEncoder(std::unique_ptr<AudioEncoder> inner, int channels, int64_t total_samples)
      : inner_(std::move(inner)), channels_(channels), remaining_(total_samples) {}

  absl::Status Encode(absl::Span<const float> samples, bool last, std::string* out) override {
    if (ended_) return absl::FailedPreconditionError("audio after the song's last sample");
    if (samples.size() % static_cast<size_t>(channels_) != 0) {
      return absl::InternalError(absl::StrCat(
          samples.size(), " interleaved samples are no multiple of ", channels_, " channels"));
    }
    remaining_ -= static_cast<int64_t>(samples.size()) / channels_;
    if (remaining_ < 0 || (last && remaining_ > 0)) {
      return absl::InternalError(
          absl::StrCat("the song is ", remaining_ < 0 ? -remaining_ : remaining_, " samples ",
                       remaining_ < 0 ? "longer" : "shorter", " than announced"));
    }
    ended_ = last;
    return inner_->Encode(samples, last, out);
  }

 private:
  const std::unique_ptr<AudioEncoder> inner_;
  const int channels_;
  int64_t remaining_;
  bool ended_ = false;
};

absl::StatusOr<std::unique_ptr<AudioEncoder>> CreateFormat(AudioFormat format, int sample_rate,
                                                           int channels, int64_t total_samples,
                                                           const std::optional<Origin>& origin) {
  switch (format) {
    case AudioFormat::kWav:
    case AudioFormat::kPcmS16le:
    case AudioFormat::kPcmF32le:
      return CreatePcmEncoder(format, sample_rate, channels, total_samples, origin);
    case AudioFormat::kFlac:
    case AudioFormat::kMp3:
    case AudioFormat::kOggVorbis:
      return CreateFfmpegEncoder(format, sample_rate, channels, total_samples, origin);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no such audio format: ", static_cast<int>(format)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<AudioEncoder>> AudioEncoder::Create(
    AudioFormat format, int sample_rate, int channels, int64_t total_samples,
    const std::optional<Origin>& origin) {
  if (sample_rate < kMinSampleRate || sample_rate > kMaxSampleRate) {
    return absl::InvalidArgumentError(absl::StrCat("sample rate ", sample_rate, " Hz is outside ",
                                                   kMinSampleRate, "..", kMaxSampleRate));
  }
  if (channels < 1 || channels > kMaxChannels) {
    return absl::InvalidArgumentError(
        absl::StrCat(channels, " channels are outside 1..", kMaxChannels));
  }
  if (total_samples < 0) {
    return absl::InvalidArgumentError(absl::StrCat("a song of ", total_samples, " samples"));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<AudioEncoder> inner,
                   CreateFormat(format, sample_rate, channels, total_samples, origin));
  return std::make_unique<CountingEncoder>(std::move(inner), channels, total_samples);
}

}  // namespace vidmuse
