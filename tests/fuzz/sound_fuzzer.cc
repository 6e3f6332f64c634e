// Fuzzes the decoding of sound, in this process, and what is made of it.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/audio/resampler.h"
#include "core/video/sound_decoder.h"
#include "tests/fuzz/require.h"
#include "vidmuse/limits.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const vidmuse::Limits limits;
  constexpr int kRate = 32000;
  const vidmuse::CancelFlag cancel;
  vidmuse::WholeSound whole;
  const vidmuse::SoundLimits whole_limits{.most_seconds = limits.max_video_seconds};
  const absl::Status decoded = vidmuse::DecodeWholeSound(
      {reinterpret_cast<const char*>(data), size}, limits, cancel,
      [&](int rate, const auto& part) { return whole.Append(rate, part, whole_limits); });
  FUZZ_REQUIRE(decoded.ok() || decoded.code() == absl::StatusCode::kInvalidArgument);
  const auto sound =
      vidmuse::DecodeSound({reinterpret_cast<const char*>(data), size}, limits, cancel);
  if (!sound.ok()) {
    FUZZ_REQUIRE(sound.status().code() == absl::StatusCode::kInvalidArgument);
    FUZZ_REQUIRE(sound.status().message().size() < 500);
    return 0;
  }
  FUZZ_REQUIRE(whole.channels.empty() || whole.channels[0].size() <= sound->samples.size());
  FUZZ_REQUIRE(sound->samples.size() <= vidmuse::kMostSoundSamples);
  const std::vector<float> samples = vidmuse::Resample(sound->samples, sound->sample_rate, kRate);
  const double seconds = static_cast<double>(samples.size()) / kRate;
  FUZZ_REQUIRE(seconds >= vidmuse::kLeastSoundSeconds - 1e-3);
  FUZZ_REQUIRE(seconds <= vidmuse::kMostSoundSeconds);
  for (const float sample : samples) FUZZ_REQUIRE(std::isfinite(sample));
  return 0;
}
