// What encoded files say of their origin.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "core/audio/audio_encoder.h"
#include "core/base/origin_mark.h"
#include "tests/unit/audio/media_programs.h"
#include "tests/unit/audio/signals.h"

namespace vidmuse {
namespace {

using testing::HasSubstr;

constexpr int kRate = 32000;
constexpr AudioFormat kMarked[] = {AudioFormat::kWav, AudioFormat::kFlac, AudioFormat::kMp3,
                                   AudioFormat::kOggVorbis};
constexpr AudioFormat kRaw[] = {AudioFormat::kPcmS16le, AudioFormat::kPcmF32le};

Origin Example() {
  return {.version = "1.2.3",
          .model = "demo & <more>",
          .seed = 18446744073709551615u,
          .text = "Gemacht f\u00fcr \u201eBeispiel\u201c."};
}

std::string Encode(AudioFormat format, absl::Span<const float> samples,
                   const std::optional<Origin>& origin, size_t cut = 1 << 20) {
  auto encoder =
      AudioEncoder::Create(format, kRate, 1, static_cast<int64_t>(samples.size()), origin);
  EXPECT_TRUE(encoder.ok()) << encoder.status();
  std::string bytes;
  while (samples.size() > cut) {
    EXPECT_TRUE((*encoder)->Encode(samples.first(cut), /*last=*/false, &bytes).ok());
    samples.remove_prefix(cut);
  }
  EXPECT_TRUE((*encoder)->Encode(samples, /*last=*/true, &bytes).ok());
  return bytes;
}

// The file's tags as FFmpeg reads them, "name=value" a line.
std::string Tags(const std::string& bytes) {
  const TempFile file(bytes);
  return Output("ffprobe -v error -of default=nw=1 -show_entries format_tags:stream_tags " +
                file.path());
}

uint32_t LittleEndian32(const std::string& bytes, size_t at) {
  uint32_t value = 0;
  EXPECT_LE(at + sizeof(value), bytes.size());
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

// The chunks of a RIFF form, by name; each comes once.
std::map<std::string, std::string> Chunks(const std::string& bytes, size_t at) {
  std::map<std::string, std::string> chunks;
  while (at < bytes.size()) {
    const size_t size = LittleEndian32(bytes, at + 4);
    EXPECT_LE(at + 8 + size, bytes.size());
    EXPECT_TRUE(chunks.emplace(bytes.substr(at, 4), bytes.substr(at + 8, size)).second);
    at += 8 + size + size % 2;
  }
  EXPECT_EQ(at, bytes.size());
  return chunks;
}

TEST(OriginTest, WavHasInfoAndXmp) {
  const std::vector<float> song = Noise(1001, 0.5f);
  const std::string wav = Encode(AudioFormat::kWav, song, Example());
  ASSERT_EQ(wav.substr(0, 4) + wav.substr(8, 4), "RIFFWAVE");
  EXPECT_EQ(LittleEndian32(wav, 4), wav.size() - 8);
  const auto chunks = Chunks(wav, 12);
  ASSERT_EQ(chunks.size(), 4u);
  EXPECT_EQ(chunks.at("fmt ").size(), 16u);
  EXPECT_EQ(chunks.at("data"), Encode(AudioFormat::kPcmS16le, song, std::nullopt));
  EXPECT_EQ(wav.size(), kMarkedWavHeaderBytes + chunks.at("data").size());
  const std::string& list = chunks.at("LIST");
  EXPECT_EQ(list.substr(0, 4), "INFO");
  const auto info = Chunks(list, 4);
  EXPECT_EQ(info.at("ISFT"), std::string("vidmuse 1.2.3") + '\0');
  EXPECT_EQ(info.at("ICMT"), OriginComment(Example(), MarkedFile::kAudio) + '\0');
  const std::string& xmp = chunks.at("_PMX");
  EXPECT_THAT(xmp,
              HasSubstr("<Iptc4xmpExt:DigitalSourceType>"
                        "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
                        "</Iptc4xmpExt:DigitalSourceType>"));
  EXPECT_THAT(xmp, HasSubstr("<vidmuse:Seed>18446744073709551615</vidmuse:Seed>"));
  EXPECT_THAT(xmp, HasSubstr("<vidmuse:Model>demo &amp; &lt;more&gt;</vidmuse:Model>"));
  EXPECT_THAT(Tags(wav), HasSubstr("comment=" + OriginComment(Example(), MarkedFile::kAudio)));
  EXPECT_THAT(Tags(wav), HasSubstr("encoder=vidmuse 1.2.3"));
}

TEST(OriginTest, TheTagsOfPacketsHaveEveryFact) {
  for (const AudioFormat format :
       {AudioFormat::kFlac, AudioFormat::kMp3, AudioFormat::kOggVorbis}) {
    const std::string tags = Tags(Encode(format, Noise(50000, 0.5f), Example()));
    for (const std::string& line :
         {std::string("DIGITALSOURCETYPE=") + kTrainedAlgorithmicMedia,
          std::string("GENERATOR=vidmuse 1.2.3"), std::string("MODEL=demo & <more>"),
          std::string("SEED=18446744073709551615"),
          "comment=" + OriginComment(Example(), MarkedFile::kAudio)}) {
      EXPECT_THAT(tags, HasSubstr(line + "\n")) << static_cast<int>(format);
    }
    if (format == AudioFormat::kMp3) {
      EXPECT_THAT(tags, HasSubstr("encoder=vidmuse 1.2.3\n"));
    }
  }
  EXPECT_THAT(Encode(AudioFormat::kMp3, Noise(5000, 0.5f), Example()),
              HasSubstr(OriginXmp(Example(), MarkedFile::kAudio)));
}

TEST(OriginTest, TheMusicIsTheSame) {
  const std::vector<float> song = Noise(50001, 0.5f);
  for (const AudioFormat format : kMarked) {
    const std::string marked = Encode(format, song, Example());
    const std::string plain = Encode(format, song, std::nullopt);
    EXPECT_GT(marked.size(), plain.size());
    EXPECT_TRUE(Decode(marked) == Decode(plain)) << static_cast<int>(format);
    EXPECT_TRUE(Encode(format, song, Example(), 777) == marked) << static_cast<int>(format);
  }
  for (const AudioFormat format : kRaw) {
    EXPECT_TRUE(Encode(format, song, Example()) == Encode(format, song, std::nullopt));
  }
}

TEST(OriginTest, AMarkedWavFileHasItsLimitToo) {
  const int64_t most = (0xffffffff - (static_cast<int64_t>(kMarkedWavHeaderBytes) - 8)) / 2;
  EXPECT_TRUE(AudioEncoder::Create(AudioFormat::kWav, kRate, 1, most, Example()).ok());
  EXPECT_EQ(AudioEncoder::Create(AudioFormat::kWav, kRate, 1, most + 1, Example()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace vidmuse
