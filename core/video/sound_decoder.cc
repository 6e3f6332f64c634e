#include "core/video/sound_decoder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status_macros.h"
#include "core/video/decode_watch.h"
#include "core/video/ffmpeg_util.h"
#include "core/video/sound_file.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

SoundLimits PromptLimits() {
  return {.subject = kSoundSubject, .most_seconds = kMostSoundSeconds, .is_prompt = true};
}

bool Plausible(float sample) { return std::abs(sample) <= kMostSoundSample; }  // false for NaN

// The mean of all channels, added to `samples`.
void AppendMean(const std::vector<std::vector<double>>& channels, std::vector<float>* samples) {
  for (size_t i = 0; i < channels[0].size(); ++i) {
    double sum = 0;
    for (const std::vector<double>& channel : channels) sum += channel[i];
    samples->push_back(static_cast<float>(sum / static_cast<double>(channels.size())));
  }
}

}  // namespace

absl::Status SoundLimits::Refuse(absl::string_view what) const {
  return absl::InvalidArgumentError(absl::StrCat(subject, " ", what));
}

absl::Status SoundLimits::OverLimit(absl::string_view what, double value, absl::string_view limit,
                                    double most) const {
  const std::string text = absl::StrFormat("has %.15g %s; the limit is %.15g", value, what, most);
  if (!is_prompt) return Refuse(text);
  return AboutLimit(Refuse(absl::StrCat(text, " (", limit, ")")), limit, value);
}

absl::Status SoundLimits::CheckKind(int sample_rate, int channels) const {
  if (sample_rate < kLeastSoundRate) {
    return Refuse(
        absl::StrCat("has a sample rate of ", sample_rate, " Hz, less than ", kLeastSoundRate));
  }
  if (sample_rate > kMostSoundRate) {
    return OverLimit("samples a second", sample_rate, "max_prompt_sample_rate", kMostSoundRate);
  }
  if (channels < 1) return Refuse("has no channels");
  if (channels <= kMostSoundChannels) return absl::OkStatus();
  return OverLimit("channels", channels, "max_prompt_channels", kMostSoundChannels);
}

absl::Status SoundLimits::CheckNotTooLong(int64_t samples, int sample_rate) const {
  const double seconds = static_cast<double>(samples) / sample_rate;
  if (seconds <= most_seconds) return absl::OkStatus();
  return OverLimit("or more seconds", seconds, "max_prompt_seconds", most_seconds);
}

absl::Status SoundLimits::CheckPlausible(absl::Span<const float> samples) const {
  if (std::all_of(samples.begin(), samples.end(), Plausible)) return absl::OkStatus();
  return Refuse("has samples that are infinite, no numbers, or far over full scale");
}

absl::Status CheckSound(const DecodedSound& sound) {
  const SoundLimits limits = PromptLimits();
  if (sound.samples.empty()) return limits.Refuse("has no samples");
  RETURN_IF_ERROR(limits.CheckKind(sound.sample_rate, 1));
  const auto count = static_cast<int64_t>(sound.samples.size());
  RETURN_IF_ERROR(limits.CheckNotTooLong(count, sound.sample_rate));
  const double seconds = static_cast<double>(count) / sound.sample_rate;
  if (seconds < kLeastSoundSeconds) {
    return limits.Refuse(
        absl::StrFormat("is %.3f s long, less than %g", seconds, kLeastSoundSeconds));
  }
  return limits.CheckPlausible(sound.samples);
}

absl::StatusOr<DecodedSound> DecodeSound(absl::string_view file, const Limits& limits,
                                         const CancelFlag& cancel) {
  InitFfmpeg();
  const DecodeWatch watch(cancel, ReadTimeLimit(file.size(), limits), absl::ZeroDuration(),
                          kSoundSubject);
  SoundFile opened(file, PromptLimits(), watch);
  RETURN_IF_ERROR(opened.Open());
  DecodedSound sound;
  RETURN_IF_ERROR(opened.Decode([&](int sample_rate, const auto& channels) {
    sound.sample_rate = sample_rate;
    AppendMean(channels, &sound.samples);
    return absl::OkStatus();
  }));
  RETURN_IF_ERROR(CheckSound(sound));
  return sound;
}

absl::Duration WholeSoundTimeLimit(uint64_t bytes, const Limits& limits) {
  const absl::Duration decoding = absl::Seconds(limits.max_video_seconds / 10);
  return std::min(ReadTimeLimit(bytes, limits) + decoding, DecodeTimeLimit(limits));
}

absl::Status WholeSound::Append(int rate, const std::vector<std::vector<float>>& more,
                                const SoundLimits& limits) {
  RETURN_IF_ERROR(limits.CheckKind(rate, static_cast<int>(more.size())));
  if (channels.empty()) {
    sample_rate = rate;
    channels.resize(more.size());
  }
  if (rate != sample_rate) return limits.Refuse("changes its sample rate");
  if (more.size() != channels.size()) return limits.Refuse("changes its number of channels");
  const uint64_t length = channels[0].size() + more[0].size();
  RETURN_IF_ERROR(limits.CheckNotTooLong(static_cast<int64_t>(length), rate));
  if (length * channels.size() > limits.most_samples) {
    return limits.Refuse(absl::StrCat("has more than ", limits.most_samples, " samples in its ",
                                      channels.size(), " channels"));
  }
  for (size_t c = 0; c < channels.size(); ++c) {
    if (more[c].size() != more[0].size()) return limits.Refuse("has channels of unequal length");
    RETURN_IF_ERROR(limits.CheckPlausible(more[c]));
    channels[c].insert(channels[c].end(), more[c].begin(), more[c].end());
  }
  return absl::OkStatus();
}

absl::Status DecodeWholeSound(absl::string_view file, const Limits& limits,
                              const CancelFlag& cancel, const TakeWholeSound& take) {
  InitFfmpeg();
  const DecodeWatch watch(cancel, WholeSoundTimeLimit(file.size(), limits), absl::ZeroDuration(),
                          kWholeSoundSubject);
  SoundFile opened(file, {.most_seconds = limits.max_video_seconds}, watch);
  RETURN_IF_ERROR(opened.Open());
  std::vector<std::vector<float>> part;
  return opened.Decode([&](int sample_rate, const std::vector<std::vector<double>>& channels) {
    part.resize(channels.size());
    for (size_t first = 0; first < channels[0].size(); first += kMostSoundPart) {
      const size_t end = std::min(first + kMostSoundPart, channels[0].size());
      for (size_t c = 0; c < channels.size(); ++c) {
        part[c].assign(channels[c].begin() + first, channels[c].begin() + end);
      }
      RETURN_IF_ERROR(take(sample_rate, part));
    }
    return absl::OkStatus();
  });
}

}  // namespace vidmuse
