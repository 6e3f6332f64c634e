#include "core/audio/media_libraries.h"

extern "C" {
#include <ebur128.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/cpu.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>
}

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/audio/audio_encoder.h"
#include "core/base/content_hash.h"
#include "core/base/status_macros.h"
#include "vidmuse/audio_format.h"

namespace vidmuse {
namespace {

constexpr int kSampleRate = 32000;
constexpr int kSamples = 2 * kSampleRate;

// Returns noise over a saw-tooth whose pitch and loudness change. It is computed in integers up to
// the last step, so it is the same on every machine.
std::vector<float> KnownSound() {
  std::vector<float> samples(kSamples);
  uint32_t noise = 1, phase = 0;
  for (int i = 0; i < kSamples; ++i) {
    noise = noise * 1664525 + 1013904223;
    phase += (1u << 24) + i * 1024u;
    const int tone = static_cast<int32_t>(phase) >> 18;
    const int hiss = static_cast<int32_t>(noise) >> (20 + i / 8000 % 4);
    samples[i] = static_cast<float>(tone + hiss) / 16384.0f;
  }
  return samples;
}

absl::StatusOr<std::string> Encoded(AudioFormat format) {
  ASSIGN_OR_RETURN(const std::unique_ptr<AudioEncoder> encoder,
                   AudioEncoder::Create(format, kSampleRate, 1, kSamples));
  std::string bytes;
  RETURN_IF_ERROR(encoder->Encode(KnownSound(), /*last=*/true, &bytes));
  return bytes;
}

// Returns the hash of the encoded bytes, or the error code if encoding fails.
std::string Outcome(AudioFormat format) {
  const absl::StatusOr<std::string> bytes = Encoded(format);
  if (!bytes.ok()) return absl::StatusCodeToString(bytes.status().code());
  ContentHash hash;
  hash.Add(*bytes);
  return hash.Hex();
}

std::string Describe() {
  int major = 0, minor = 0, patch = 0;
  ebur128_get_version(&major, &minor, &patch);
  return absl::StrCat("avcodec ", avcodec_version(), ", avformat ", avformat_version(),
                      ", swscale ", swscale_version(), ", swresample ", swresample_version(),
                      ", ebur128 ", major, ".", minor, ".", patch, ", FFmpeg's CPU ",
                      absl::Hex(av_get_cpu_flags()), ", flac ", Outcome(AudioFormat::kFlac),
                      ", mp3 ", Outcome(AudioFormat::kMp3), ", vorbis ",
                      Outcome(AudioFormat::kOggVorbis));
}

}  // namespace

const std::string& MediaLibraries() {
  static const std::string* const libraries = new std::string(Describe());
  return *libraries;
}

}  // namespace vidmuse
