#include "core/audio/audio_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "tests/unit/audio/media_programs.h"
#include "tests/unit/audio/signals.h"

namespace vidmuse {
namespace {

constexpr int kRate = 32000;
constexpr AudioFormat kFormats[] = {AudioFormat::kWav,      AudioFormat::kPcmS16le,
                                    AudioFormat::kPcmF32le, AudioFormat::kFlac,
                                    AudioFormat::kMp3,      AudioFormat::kOggVorbis};

std::string Encode(AudioFormat format, absl::Span<const float> samples, int sample_rate = kRate,
                   int channels = 1) {
  auto encoder = AudioEncoder::Create(format, sample_rate, channels,
                                      static_cast<int64_t>(samples.size()) / channels);
  EXPECT_TRUE(encoder.ok()) << encoder.status();
  std::string bytes;
  const absl::Status status = (*encoder)->Encode(samples, /*last=*/true, &bytes);
  EXPECT_TRUE(status.ok()) << status;
  return bytes;
}

template <typename T>
T At(const std::string& bytes, size_t offset) {
  T value;
  EXPECT_LE(offset + sizeof(T), bytes.size());
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

class AudioFormats : public testing::TestWithParam<AudioFormat> {};
INSTANTIATE_TEST_SUITE_P(All, AudioFormats, testing::ValuesIn(kFormats));

TEST_P(AudioFormats, BytesDoNotDependOnTheCuts) {
  for (const int channels : {1, 2}) {
    const std::vector<float> song = Join({Tone(70000, 440, 0.5f), Noise(30002, 0.3f)});
    const std::string whole = Encode(GetParam(), song, kRate, channels);
    for (uint64_t seed = 1; seed <= 15; ++seed) {
      auto encoder = AudioEncoder::Create(GetParam(), kRate, channels,
                                          static_cast<int64_t>(song.size()) / channels);
      ASSERT_TRUE(encoder.ok()) << encoder.status();
      std::string bytes;
      ForEachCut(song, channels, seed, [&](absl::Span<const float> piece, bool last) {
        ASSERT_TRUE((*encoder)->Encode(piece, last, &bytes).ok());
      });
      EXPECT_TRUE(bytes == whole) << "seed " << seed << ", channels " << channels;
    }
  }
}

TEST_P(AudioFormats, TwoRunsAreTheSame) {
  const std::vector<float> song = Noise(50000, 0.5f);
  EXPECT_TRUE(Encode(GetParam(), song) == Encode(GetParam(), song));
}

TEST_P(AudioFormats, HasNoVersionOfFfmpegInIt) {
  EXPECT_EQ(Encode(GetParam(), Noise(5000, 0.5f)).find("Lav"), std::string::npos);
}

TEST_P(AudioFormats, EncodesShortSongs) {
  for (const size_t length : {0, 1, 2, 63, 64, 65, 1152, 4608}) {
    const std::string bytes = Encode(GetParam(), Noise(length, 0.5f));
    EXPECT_TRUE(length == 0 || !bytes.empty()) << length;
  }
}

TEST_P(AudioFormats, EncodesWhatIsNoNumber) {
  std::vector<float> song = Noise(20000, 0.5f);
  song[10000] = std::numeric_limits<float>::quiet_NaN();
  song[10001] = std::numeric_limits<float>::infinity();
  song[10002] = -std::numeric_limits<float>::infinity();
  EXPECT_FALSE(Encode(GetParam(), song).empty());
}

TEST_P(AudioFormats, HoldsTheSongToItsLength) {
  std::string bytes;
  auto longer = AudioEncoder::Create(GetParam(), kRate, 1, 100);
  ASSERT_TRUE(longer.ok());
  EXPECT_EQ((*longer)->Encode(Noise(101, 0.1f), /*last=*/false, &bytes).code(),
            absl::StatusCode::kInternal);
  auto shorter = AudioEncoder::Create(GetParam(), kRate, 1, 100);
  ASSERT_TRUE(shorter.ok());
  EXPECT_EQ((*shorter)->Encode(Noise(99, 0.1f), /*last=*/true, &bytes).code(),
            absl::StatusCode::kInternal);
  auto ended = AudioEncoder::Create(GetParam(), kRate, 1, 100);
  ASSERT_TRUE(ended.ok());
  ASSERT_TRUE((*ended)->Encode(Noise(100, 0.1f), /*last=*/true, &bytes).ok());
  EXPECT_EQ((*ended)->Encode({}, /*last=*/true, &bytes).code(),
            absl::StatusCode::kFailedPrecondition);
  auto stereo = AudioEncoder::Create(GetParam(), kRate, 2, 100);
  ASSERT_TRUE(stereo.ok());
  EXPECT_EQ((*stereo)->Encode(Noise(3, 0.1f), /*last=*/false, &bytes).code(),
            absl::StatusCode::kInternal);
}

// Half a second is more than any of the codecs holds back, pages of Ogg included.
TEST_P(AudioFormats, BytesComeWhileTheSongIsMade) {
  auto encoder = AudioEncoder::Create(GetParam(), kRate, 1, 320000);
  ASSERT_TRUE(encoder.ok());
  const std::vector<float> song = Noise(320000, 0.5f);
  for (size_t i = 0; i < song.size(); i += 16000) {
    std::string bytes;
    const auto piece = absl::MakeConstSpan(song).subspan(i, 16000);
    ASSERT_TRUE((*encoder)->Encode(piece, i + 16000 == song.size(), &bytes).ok());
    EXPECT_GT(bytes.size(), 1000u) << i;
    EXPECT_LT(bytes.size(), 16000u * 4 + 10000) << i;
  }
}

TEST_P(AudioFormats, RefusesWhatItCannotEncode) {
  const auto code = [](int rate, int channels, int64_t samples) {
    return AudioEncoder::Create(GetParam(), rate, channels, samples).status().code();
  };
  for (const int rate : {-1, 0, 7999, 192001}) {
    EXPECT_EQ(code(rate, 1, 1000), absl::StatusCode::kInvalidArgument) << rate;
  }
  EXPECT_EQ(code(kRate, 0, 1000), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(kRate, 3, 1000), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(kRate, 1, -1), absl::StatusCode::kInvalidArgument);
}

TEST(AudioEncoder, RefusesAnUnknownFormat) {
  EXPECT_EQ(AudioEncoder::Create(static_cast<AudioFormat>(99), kRate, 1, 1).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(AudioEncoder, RefusesARateThatTheCodecLacks) {
  const absl::Status status = AudioEncoder::Create(AudioFormat::kMp3, 96000, 1, 1).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("96000"));
}

TEST(AudioEncoder, RefusesAWavFileOver4GiB) {
  const int64_t most = (4294967295 - 36) / 2;
  EXPECT_TRUE(AudioEncoder::Create(AudioFormat::kWav, kRate, 1, most).ok());
  EXPECT_EQ(AudioEncoder::Create(AudioFormat::kWav, kRate, 1, most + 1).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(AudioEncoder::Create(AudioFormat::kWav, kRate, 2, most).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(AudioEncoder::Create(AudioFormat::kFlac, kRate, 1, int64_t{1} << 36).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(WavEncoder, HeaderIsRightAtOnce) {
  for (const int channels : {1, 2}) {
    auto encoder = AudioEncoder::Create(AudioFormat::kWav, kRate, channels, 1000);
    ASSERT_TRUE(encoder.ok());
    std::string header;
    ASSERT_TRUE((*encoder)->Encode({}, /*last=*/false, &header).ok());
    ASSERT_EQ(header.size(), 44u);
    const auto data_bytes = static_cast<uint32_t>(2000 * channels);
    EXPECT_EQ(header.substr(0, 4), "RIFF");
    EXPECT_EQ(At<uint32_t>(header, 4), 36 + data_bytes);
    EXPECT_EQ(header.substr(8, 8), "WAVEfmt ");
    EXPECT_EQ(At<uint32_t>(header, 16), 16u);
    EXPECT_EQ(At<uint16_t>(header, 20), 1);  // PCM
    EXPECT_EQ(At<uint16_t>(header, 22), channels);
    EXPECT_EQ(At<uint32_t>(header, 24), 32000u);
    EXPECT_EQ(At<uint32_t>(header, 28), static_cast<uint32_t>(64000 * channels));
    EXPECT_EQ(At<uint16_t>(header, 32), 2 * channels);
    EXPECT_EQ(At<uint16_t>(header, 34), 16);
    EXPECT_EQ(header.substr(36, 4), "data");
    EXPECT_EQ(At<uint32_t>(header, 40), data_bytes);
    std::string body;
    const auto size = static_cast<size_t>(1000 * channels);
    ASSERT_TRUE((*encoder)->Encode(Noise(size, 1.0f), /*last=*/true, &body).ok());
    EXPECT_EQ(body.size(), data_bytes);
  }
}

TEST(PcmEncoder, RoundsTo16Bits) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const float unit = 1.0f / 32768;
  const std::vector<float> song = {0.0f,        1.0f,        -1.0f,        2.0f, -2.0f,
                                   infinity,    -infinity,   nan,          unit, -unit,
                                   0.4f * unit, 0.6f * unit, -0.6f * unit, 0.25f};
  EXPECT_THAT(AsInt16(Encode(AudioFormat::kPcmS16le, song)),
              testing::ElementsAre(0, 32767, -32768, 32767, -32768, 32767, -32768, 0, 1, -1, 0, 1,
                                   -1, 8192));
}

TEST(PcmEncoder, FloatsStayAsTheyAre) {
  const std::vector<float> song = {0.0f, -0.0f, 1.5f, -3.25f, 1e-40f};
  const std::string bytes = Encode(AudioFormat::kPcmF32le, song);
  ASSERT_EQ(bytes.size(), 4 * song.size());
  EXPECT_EQ(std::memcmp(bytes.data(), song.data(), bytes.size()), 0);
}

TEST(WavEncoder, FfmpegReadsTheSamples) {
  const std::vector<float> song = Noise(50001, 1.2f);
  EXPECT_TRUE(Decode(Encode(AudioFormat::kWav, song)) ==
              AsInt16(Encode(AudioFormat::kPcmS16le, song)));
}

TEST(FlacEncoder, IsLossless) {
  for (const int channels : {1, 2}) {
    for (const size_t length : {2, 4608, 50002}) {
      const std::vector<float> song = Noise(length, 1.2f);
      EXPECT_TRUE(Decode(Encode(AudioFormat::kFlac, song, kRate, channels)) ==
                  AsInt16(Encode(AudioFormat::kPcmS16le, song)));
    }
  }
}

TEST(FlacEncoder, HeaderStatesTheLength) {
  const std::string flac = Encode(AudioFormat::kFlac, Noise(80000, 0.5f));
  EXPECT_EQ(Probe(flac, "stream=codec_name,sample_rate,channels,duration"),
            "flac\n32000\n1\n2.500000\n");
}

// Correlation of a decoded song with the original, at the codec's delay.
double Similarity(absl::Span<const float> song, absl::Span<const int16_t> decoded, size_t delay) {
  double xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < song.size() && i + delay < decoded.size(); ++i) {
    const double x = song[i], y = decoded[i + delay];
    xy += x * y;
    xx += x * x;
    yy += y * y;
  }
  return xy / std::sqrt(xx * yy);
}

TEST(Mp3Encoder, FfmpegDecodesIt) {
  const auto song = Join({Tone(40000, 440, 0.4f), Tone(40000, 3000, 0.2f)});
  const std::string mp3 = Encode(AudioFormat::kMp3, song);
  EXPECT_NEAR(static_cast<double>(mp3.size()), 2.5 * 16000, 2000);  // 128 kbit/s
  EXPECT_EQ(Probe(mp3, "stream=codec_name,sample_rate,channels"), "mp3\n32000\n1\n");
  EXPECT_NEAR(std::atof(Probe(mp3, "format=duration").c_str()), 2.5, 0.1);
  const std::vector<int16_t> decoded = Decode(mp3);
  EXPECT_GE(decoded.size(), song.size() + 1105);
  EXPECT_LE(decoded.size(), song.size() + 4 * 1152);
  EXPECT_GT(Similarity(song, decoded, 1105), 0.99);
}

TEST(OggVorbisEncoder, FfmpegDecodesIt) {
  const auto song = Join({Tone(40000, 440, 0.4f), Tone(40001, 3000, 0.2f)});
  const std::string ogg = Encode(AudioFormat::kOggVorbis, song);
  EXPECT_EQ(Probe(ogg, "stream=codec_name,sample_rate,channels"), "vorbis\n32000\n1\n");
  EXPECT_NEAR(std::atof(Probe(ogg, "format=duration").c_str()), 2.5, 0.001);
  const std::vector<int16_t> decoded = Decode(ogg);
  EXPECT_EQ(decoded.size(), song.size());
  EXPECT_GT(Similarity(song, decoded, 0), 0.99);
}

TEST(LossyEncoders, DecodeInStereo) {
  std::vector<float> song(80000);
  const std::vector<float> left = Tone(40000, 440, 0.4f), right = Tone(40000, 1000, 0.1f);
  for (size_t i = 0; i < 40000; ++i) {
    song[2 * i] = left[i];
    song[2 * i + 1] = right[i];
  }
  EXPECT_GT(Similarity(song, Decode(Encode(AudioFormat::kMp3, song, kRate, 2)), 2 * 1105), 0.99);
  EXPECT_GT(Similarity(song, Decode(Encode(AudioFormat::kOggVorbis, song, kRate, 2)), 0), 0.99);
}

}  // namespace
}  // namespace vidmuse
