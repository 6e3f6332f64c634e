#include "core/audio/pcm_encoder.h"

#include <bit>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/audio/sample_format.h"

namespace vidmuse {
namespace {

constexpr size_t kPlainWavHeaderBytes = 44;

template <typename Unsigned>
void AppendLittleEndian(Unsigned value, std::string* out) {
  for (size_t byte = 0; byte < sizeof(Unsigned); ++byte) {
    out->push_back(static_cast<char>(value >> (8 * byte) & 0xff));
  }
}

// Returns a RIFF/WAVE header with one `fmt ` chunk (PCM), then `more_chunks`, then the start of one
// `data` chunk.
std::string WavHeader(int sample_rate, int channels, uint32_t data_bytes,
                      absl::string_view more_chunks) {
  const auto frame_bytes = static_cast<uint16_t>(2 * channels);
  std::string header = "RIFF";
  AppendLittleEndian(
      static_cast<uint32_t>(data_bytes + kPlainWavHeaderBytes + more_chunks.size() - 8), &header);
  header += "WAVEfmt ";
  AppendLittleEndian(uint32_t{16}, &header);
  AppendLittleEndian(uint16_t{1}, &header);
  AppendLittleEndian(static_cast<uint16_t>(channels), &header);
  AppendLittleEndian(static_cast<uint32_t>(sample_rate), &header);
  AppendLittleEndian(static_cast<uint32_t>(sample_rate) * frame_bytes, &header);
  AppendLittleEndian(frame_bytes, &header);
  AppendLittleEndian(uint16_t{16}, &header);
  absl::StrAppend(&header, more_chunks, "data");
  AppendLittleEndian(data_bytes, &header);
  return header;
}

class Int16Encoder : public AudioEncoder {
 public:
  explicit Int16Encoder(std::string header) : header_(std::move(header)) {}

  absl::Status Encode(absl::Span<const float> samples, bool /*last*/, std::string* out) override {
    out->append(std::exchange(header_, {}));
    out->reserve(out->size() + 2 * samples.size());
    for (const float sample : samples) {
      AppendLittleEndian(static_cast<uint16_t>(ToInt16(sample)), out);
    }
    return absl::OkStatus();
  }

 private:
  std::string header_;  // empty once it was written
};

class Float32Encoder : public AudioEncoder {
 public:
  absl::Status Encode(absl::Span<const float> samples, bool /*last*/, std::string* out) override {
    out->reserve(out->size() + 4 * samples.size());
    for (const float sample : samples) AppendLittleEndian(std::bit_cast<uint32_t>(sample), out);
    return absl::OkStatus();
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<AudioEncoder>> CreatePcmEncoder(
    AudioFormat format, int sample_rate, int channels, int64_t total_samples,
    const std::optional<Origin>& origin) {
  if (format == AudioFormat::kPcmF32le) return std::make_unique<Float32Encoder>();
  if (format == AudioFormat::kPcmS16le) return std::make_unique<Int16Encoder>("");
  const std::string mark = origin.has_value() ? OriginWavChunks(*origin) : "";
  const auto header_bytes = static_cast<int64_t>(kPlainWavHeaderBytes + mark.size());
  const int64_t max_bytes = std::numeric_limits<uint32_t>::max() - (header_bytes - 8);
  if (total_samples > max_bytes / (2 * channels)) {
    return absl::InvalidArgumentError(absl::StrCat("a WAV file of ", total_samples, " samples and ",
                                                   channels,
                                                   " channel(s) is over its limit of 4 GiB"));
  }
  return std::make_unique<Int16Encoder>(
      WavHeader(sample_rate, channels, static_cast<uint32_t>(total_samples * 2 * channels), mark));
}

}  // namespace vidmuse
